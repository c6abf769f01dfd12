// The losses, as in workers/training/losses.py: means over examples and outputs. `out` and `g`
// are [C, R], an output's examples side by side; of each row `real` are examples.
#pragma once

#include "interface.h"
#include "mathematics.h"
#include "vector.h"

namespace subgrad {

// What the examples of a panel should give: labels [R], or targets [C, R].
template <class T>
struct Wanted {
    int64_t labels[PANEL];
    const T* targets;
};

struct LossSums {
    double loss = 0;
    double score = 0;  // right answers, or the sum of squared residuals
    int64_t kinks = 0;
};

template <class T>
class LossLayer {
  public:
    virtual ~LossLayer() = default;
    // g = ∂ loss / ∂ out; each example counts `weight`, its share in the batch.
    virtual void step(const double* parameters, const T* out, const Wanted<T>& wanted, int outputs,
                      int stride, int real, T weight, T* g, LossSums& sums) const = 0;
    // Adds the examples' losses, unweighted, and their score.
    virtual void total(const double* parameters, const T* out, const Wanted<T>& wanted,
                       int outputs, int stride, int real, LossSums& sums) const = 0;
};

// -log softmax(out)[label]; its gradient is softmax(out) - onehot(label).
template <class T>
class CrossEntropyLayer final : public LossLayer<T> {
  public:
    void step(const double*, const T* out, const Wanted<T>& wanted, int outputs, int stride,
              int real, T weight, T* g, LossSums& sums) const override {
        T largest[PANEL], total[PANEL];
        normalise(out, outputs, stride, largest, total);
        for (int c = 0; c < outputs; c++) {
            const T* row = out + c * stride;
            T* slope = g + c * stride;
#pragma omp simd
            for (int r = 0; r < stride; r++)
                slope[r] = vector_exp(row[r] - largest[r] - total[r]) * weight;
            for (int r = real; r < stride; r++) slope[r] = 0;
        }
        T loss = 0;
        for (int r = 0; r < real; r++) {
            const int64_t at = wanted.labels[r] * stride + r;
            g[at] -= weight;
            loss += (largest[r] + total[r] - out[at]) * weight;
        }
        sums.loss += loss;
    }

    void total(const double*, const T* out, const Wanted<T>& wanted, int outputs, int stride,
               int real, LossSums& sums) const override {
        T largest[PANEL], total[PANEL];
        normalise(out, outputs, stride, largest, total);
        for (int r = 0; r < real; r++) {
            const T own = out[wanted.labels[r] * stride + r];
            sums.loss += largest[r] + total[r] - own;
            int best = 0;
            while (best < outputs && out[best * stride + r] != largest[r]) best++;
            sums.score += best == wanted.labels[r];
        }
    }

  private:
    // Each example's largest output, and the logarithm of Σ exp(out - largest).
    static void normalise(const T* out, int outputs, int stride, T* largest, T* total) {
        for (int r = 0; r < stride; r++) largest[r] = out[r];
        for (int c = 1; c < outputs; c++)
#pragma omp simd
            for (int r = 0; r < stride; r++) {
                const T value = out[c * stride + r];
                largest[r] = value > largest[r] ? value : largest[r];
            }
        for (int r = 0; r < stride; r++) total[r] = 0;
        for (int c = 0; c < outputs; c++)
#pragma omp simd
            for (int r = 0; r < stride; r++) total[r] += vector_exp(out[c * stride + r] - largest[r]);
#pragma omp simd
        for (int r = 0; r < stride; r++) total[r] = vector_log(total[r]);
    }
};

template <class T>
struct Squared {
    explicit Squared(const double*) {}
    T value(T r) const { return r * r; }
    T slope(T r) const { return 2 * r; }
    bool is_kink(T) const { return false; }
};

// Parameter: the derivative at 0.
template <class T>
struct Absolute {
    T at_zero;
    explicit Absolute(const double* p) : at_zero(p[0]) {}
    T value(T r) const { return r < 0 ? -r : r; }
    T slope(T r) const { return r > 0 ? T(1) : r < 0 ? T(-1) : r == 0 ? at_zero : r; }
    bool is_kink(T r) const { return r == 0; }
};

// A loss of the residual out - target.
template <class T, class L>
class ResidualLayer final : public LossLayer<T> {
  public:
    void step(const double* parameters, const T* out, const Wanted<T>& wanted, int outputs,
              int stride, int real, T weight, T* g, LossSums& sums) const override {
        const L form(parameters);
        weight /= T(outputs);
        for (int c = 0; c < outputs; c++) {
            T loss = 0;
            for (int r = 0; r < real; r++) {
                const T residual = out[c * stride + r] - wanted.targets[c * stride + r];
                g[c * stride + r] = form.slope(residual) * weight;
                loss += form.value(residual) * weight;
                sums.kinks += form.is_kink(residual);
            }
            for (int r = real; r < stride; r++) g[c * stride + r] = 0;
            sums.loss += loss;
        }
    }

    void total(const double* parameters, const T* out, const Wanted<T>& wanted, int outputs,
               int stride, int real, LossSums& sums) const override {
        const L form(parameters);
        for (int c = 0; c < outputs; c++)
            for (int r = 0; r < real; r++) {
                const T residual = out[c * stride + r] - wanted.targets[c * stride + r];
                sums.loss += double(form.value(residual)) / outputs;
                sums.score += double(residual) * double(residual);
            }
    }
};

template <class T>
inline const LossLayer<T>& loss_layer(int32_t name) {
    static const CrossEntropyLayer<T> cross_entropy;
    static const ResidualLayer<T, Squared<T>> squared;
    static const ResidualLayer<T, Absolute<T>> absolute;
    switch (name) {
        case MSE: return squared;
        case MAE: return absolute;
        default: return cross_entropy;
    }
}

}  // namespace subgrad
