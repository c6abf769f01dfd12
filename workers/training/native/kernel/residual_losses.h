// Losses of the residual r = out - target, each by its value and its slope.
#pragma once

#include "loss.h"

namespace subgrad {

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

// c (|r| - c / 2) / divisor with c = min(|r|, delta). Parameters: delta, divisor.
template <class T>
struct Bounded {
    T bound, divisor;
    explicit Bounded(const double* p) : bound(p[0]), divisor(p[1]) {}
    T value(T r) const {
        const T distance = r < 0 ? -r : r, curved = distance < bound ? distance : bound;
        return (distance - T(0.5) * curved) * curved / divisor;
    }
    T slope(T r) const { return (r < -bound ? -bound : r > bound ? bound : r) / divisor; }
    bool is_kink(T) const { return false; }
};

// max(-q r, (1 - q) r). Parameters: -q, 1 - q, the derivative at 0.
template <class T>
struct Tilted {
    T below, above, at_zero;
    explicit Tilted(const double* p) : below(p[0]), above(p[1]), at_zero(p[2]) {}
    T value(T r) const { return above * r > below * r ? above * r : below * r; }
    T slope(T r) const { return r > 0 ? above : r == 0 ? at_zero : below; }
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

}  // namespace subgrad
