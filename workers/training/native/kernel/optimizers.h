// The optimizers, as in workers/training/optimizers.py, and the norms of what they move.
#pragma once

#include <cmath>
#include <memory>

#include "interface.h"
#include "vector.h"

namespace subgrad {

// Sums of squares of a layer's gradient, weights (before the step) and direction.
struct Squares {
    double gradient = 0, weight = 0, direction = 0;
};

// The same while they are added up: in vectors, which are folded every few values.
template <class T>
struct SquareSums {
    typedef typename Vector<T>::type V;
    V gradient{}, weight{}, direction{};

    void add(V g, V w) {
        if constexpr (MEASURES_STEPS) gradient += g * g, weight += w * w;
    }

    void add_direction(V d) {
        if constexpr (MEASURES_STEPS) direction += d * d;
    }

    void fold(Squares& into) {
        if constexpr (!MEASURES_STEPS) return;
        for (int j = 0; j < Vector<T>::SIZE; j++) {
            into.gradient += gradient[j];
            into.weight += weight[j];
            into.direction += direction[j];
        }
        *this = SquareSums();
    }
};

// Rows of parameters, `stride` apart, and what the optimizer remembers of each.
template <class T>
struct Run {
    T *weights, *first, *second;
    int64_t stride;
};

// The gradient of a run: rows of `columns` values, whole vectors, `stride` apart.
template <class T>
struct Slopes {
    const T* values;
    int rows, columns;
    int64_t stride;

    // f(place in the run, the gradient there), vector by vector.
    template <class F>
    inline __attribute__((always_inline)) void each(int64_t run_stride, F f) const {
        for (int m = 0; m < rows; m++)
            for (int n = 0; n < columns; n += Vector<T>::SIZE)
                f(m * run_stride + n, *(const typename Vector<T>::type*)(values + m * stride + n));
    }
};

template <class T>
class Mover {
  public:
    typedef typename Vector<T>::type V;
    virtual ~Mover() = default;
    // The numbers of a step: `rates` of the plan, and what all gradients are multiplied with.
    virtual void start(const Member& member, const double* rates, T factor) = 0;
    virtual void move(const Run<T>& run, const Slopes<T>& slopes, SquareSums<T>& sums) const = 0;
    // The direction is the gradient itself, and its squares are not added up twice.
    bool follows_gradient = false;
};

template <class V>
inline V square_root(V values) {
    for (size_t i = 0; i < sizeof(V) / sizeof(values[0]); i++) values[i] = std::sqrt(values[i]);
    return values;
}

// Parameters: weight decay, momentum, nesterov.
template <class T>
class SgdMover final : public Mover<T> {
  public:
    typedef typename Vector<T>::type V;

    explicit SgdMover(bool remembers) : remembers_(remembers) {}

    void start(const Member& member, const double* rates, T factor) override {
        decay_ = T(member.optimizer[0]);
        momentum_ = T(member.optimizer[1]);
        // A member without momentum may train beside members with it.
        has_momentum_ = remembers_ && momentum_ != 0;
        nesterov_ = member.optimizer[2] != 0;
        rate_ = T(rates[0]);
        factor_ = factor;
        this->follows_gradient = !has_momentum_ && decay_ == 0 && factor == 1;
    }

    void move(const Run<T>& run, const Slopes<T>& slopes, SquareSums<T>& sums) const override {
        SquareSums<T> local = sums;  // in registers, which writing to the weights leaves alone
        if (this->follows_gradient) {
            const T rate = rate_;
            slopes.each(run.stride, [&](int64_t i, V g) {
                V& w = *(V*)(run.weights + i);
                local.add(g, w);
                w += g * rate;
            });
            sums = local;
            return;
        }
        slopes.each(run.stride, [&](int64_t i, V g) {
            V& w = *(V*)(run.weights + i);
            local.add(g, w);
            V direction = g * factor_;
            if (decay_ != 0) direction += w * decay_;
            if (has_momentum_) {
                V& velocity = *(V*)(run.first + i);
                velocity = velocity * momentum_ + direction;
                direction = nesterov_ ? direction + velocity * momentum_ : velocity;
            }
            local.add_direction(direction);
            w += direction * rate_;
        });
        sums = local;
    }

  private:
    T decay_, momentum_, rate_, factor_;
    bool remembers_, has_momentum_ = false, nesterov_;
};

// Parameters: weight decay, β1, β2, 1 - β1, 1 - β2, eps. Rates: minus the step size,
// 1 / sqrt(1 - β2^t), and for adamw the share of the weights that is added to the direction.
template <class T>
class AdamMover final : public Mover<T> {
  public:
    typedef typename Vector<T>::type V;

    explicit AdamMover(bool is_decoupled) : is_decoupled_(is_decoupled) {}

    void start(const Member& member, const double* rates, T factor) override {
        const double* p = member.optimizer;
        decay_ = is_decoupled_ ? T(0) : T(p[0]);
        share_ = is_decoupled_ && p[0] != 0 ? T(rates[2]) : T(0);
        beta1_ = T(p[1]), beta2_ = T(p[2]), rest1_ = T(p[3]), rest2_ = T(p[4]), eps_ = T(p[5]);
        rate_ = T(rates[0]), correction_ = T(rates[1]);
        factor_ = factor;
    }

    void move(const Run<T>& run, const Slopes<T>& slopes, SquareSums<T>& sums) const override {
        SquareSums<T> local = sums;
        slopes.each(run.stride, [&](int64_t i, V g) {
            V &w = *(V*)(run.weights + i), &mean = *(V*)(run.first + i);
            V& square = *(V*)(run.second + i);
            local.add(g, w);
            g *= factor_;
            if (decay_ != 0) g += w * decay_;
            mean = mean * beta1_ + g * rest1_;
            square = square * beta2_ + g * g * rest2_;
            V direction = mean / (square_root(square) * correction_ + eps_);
            if (share_ != 0) direction += w * share_;
            local.add_direction(direction);
            w += direction * rate_;
        });
        sums = local;
    }

  private:
    bool is_decoupled_;
    T decay_, share_, beta1_, beta2_, rest1_, rest2_, eps_, rate_, correction_, factor_;
};

// Parameters: weight decay, momentum, alpha, 1 - alpha, eps. First the squares are remembered, then
// the velocity, if anybody in company has one.
template <class T>
class RmsPropMover final : public Mover<T> {
  public:
    typedef typename Vector<T>::type V;

    explicit RmsPropMover(bool remembers) : remembers_(remembers) {}

    void start(const Member& member, const double* rates, T factor) override {
        const double* p = member.optimizer;
        decay_ = T(p[0]), momentum_ = T(p[1]), alpha_ = T(p[2]), rest_ = T(p[3]), eps_ = T(p[4]);
        has_momentum_ = remembers_ && momentum_ != 0;
        rate_ = T(rates[0]);
        factor_ = factor;
    }

    void move(const Run<T>& run, const Slopes<T>& slopes, SquareSums<T>& sums) const override {
        SquareSums<T> local = sums;
        slopes.each(run.stride, [&](int64_t i, V g) {
            V &w = *(V*)(run.weights + i), &square = *(V*)(run.first + i);
            local.add(g, w);
            g *= factor_;
            if (decay_ != 0) g += w * decay_;
            square = square * alpha_ + g * g * rest_;
            V direction = g / (square_root(square) + eps_);
            if (has_momentum_) {
                V& velocity = *(V*)(run.second + i);
                velocity = velocity * momentum_ + direction;
                direction = velocity;
            }
            local.add_direction(direction);
            w += direction * rate_;
        });
        sums = local;
    }

  private:
    bool remembers_, has_momentum_ = false;
    T decay_, momentum_, alpha_, rest_, eps_, rate_, factor_;
};

// `moments`: how many tensors are kept for each parameter.
template <class T>
inline std::unique_ptr<Mover<T>> make_mover(int32_t name, int moments) {
    switch (name) {
        case ADAM: case ADAMW: return std::make_unique<AdamMover<T>>(name == ADAMW);
        case RMSPROP: return std::make_unique<RmsPropMover<T>>(moments > 1);
        default: return std::make_unique<SgdMover<T>>(moments > 0);
    }
}

}  // namespace subgrad
