// The optimizers, as in workers/training/optimizers.py, and the norms of what they move.
#pragma once

#include <cmath>
#include <limits>

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

// A run of parameters and what the optimizer remembers of each.
template <class T>
struct Run {
    T *weights, *first, *second;
};

template <class T>
class Mover {
  public:
    typedef typename Vector<T>::type V;
    virtual ~Mover() = default;
    // The numbers of a step: `rates` of the plan, and what all gradients are multiplied with.
    virtual void start(const Member& member, const double* rates, T factor) = 0;
    // Moves whole vectors; `gradient` may be overwritten.
    virtual void move(const Run<T>& run, const T* gradient, int count, SquareSums<T>& sums) const = 0;
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

    void move(const Run<T>& run, const T* gradient, int count, SquareSums<T>& sums) const override {
        if (this->follows_gradient) {
            for (int i = 0; i < count; i += Vector<T>::SIZE) {
                V &w = *(V*)(run.weights + i), g = *(const V*)(gradient + i);
                sums.add(g, w);
                w += g * rate_;
            }
            return;
        }
        for (int i = 0; i < count; i += Vector<T>::SIZE) {
            V &w = *(V*)(run.weights + i), g = *(const V*)(gradient + i);
            sums.add(g, w);
            V direction = g * factor_;
            if (decay_ != 0) direction += w * decay_;
            if (has_momentum_) {
                V& velocity = *(V*)(run.first + i);
                velocity = velocity * momentum_ + direction;
                direction = nesterov_ ? direction + velocity * momentum_ : velocity;
            }
            sums.add_direction(direction);
            w += direction * rate_;
        }
    }

  private:
    T decay_, momentum_, rate_, factor_;
    bool remembers_, has_momentum_ = false, nesterov_;
};

// Parameters: weight decay, β1, β2, 1 - β1, 1 - β2, eps. Rates: minus the step size,
// 1 / sqrt(1 - β2^t).
template <class T>
class AdamMover final : public Mover<T> {
  public:
    typedef typename Vector<T>::type V;

    void start(const Member& member, const double* rates, T factor) override {
        const double* p = member.optimizer;
        decay_ = T(p[0]), beta1_ = T(p[1]), beta2_ = T(p[2]), rest1_ = T(p[3]), rest2_ = T(p[4]);
        eps_ = T(p[5]);
        rate_ = T(rates[0]), correction_ = T(rates[1]);
        factor_ = factor;
    }

    void move(const Run<T>& run, const T* gradient, int count, SquareSums<T>& sums) const override {
        for (int i = 0; i < count; i += Vector<T>::SIZE) {
            V &w = *(V*)(run.weights + i), &mean = *(V*)(run.first + i);
            V &square = *(V*)(run.second + i), g = *(const V*)(gradient + i);
            sums.add(g, w);
            g *= factor_;
            if (decay_ != 0) g += w * decay_;
            mean = mean * beta1_ + g * rest1_;
            square = square * beta2_ + g * g * rest2_;
            const V direction = mean / (square_root(square) * correction_ + eps_);
            sums.add_direction(direction);
            w += direction * rate_;
        }
    }

  private:
    T decay_, beta1_, beta2_, rest1_, rest2_, eps_, rate_, correction_, factor_;
};

}  // namespace subgrad
