// An activation over the panel of a layer: z, h and g are [U, R], a unit's examples side by side.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "activations.h"
#include "vector.h"

namespace subgrad {

// Where a member's kinks are, and what replaces φ' there, or with `overwrites` the gradient itself.
template <class T>
struct Kinks {
    int count = 0;
    T points[2] = {};
    bool has_convention = false, overwrites = false;
    T convention = 0;
};

constexpr double FLAT = 1e-3;  // |φ'| below this counts towards saturation

// Sums over the examples of a pass, [U, lanes] each until they are folded.
template <class T>
struct UnitSums {
    T *passing, *flat, *zero, *activity;

    void next_unit() {
        for (T** sum : {&passing, &flat, &zero, &activity}) *sum += Vector<T>::SIZE;
    }
};

template <class T>
class ActivationLayer {
  public:
    virtual ~ActivationLayer() = default;
    virtual void value(const T* parameters, const T* z, T* h, int count) const = 0;
    // g = g φ'(z) in place, over `count` values.
    virtual void chain(const T* parameters, const T* z, const T* h, T* g, int count) const = 0;
    // The same where some z may be 0: there φ' is the convention.
    virtual void chain(const T* parameters, const Kinks<T>& kinks, const T* z, const T* h, T* g,
                       int count) const = 0;
    // Adds the `real` examples of each unit, of a panel of PANEL, to the unit's lanes. `hits`: how
    // many of them are at a kink.
    virtual void tally(const T* parameters, const Kinks<T>& kinks, int64_t hits, const T* z,
                       const T* h, int units, int real, UnitSums<T> sums) const = 0;
};

template <class T, class A>
class LayerOf final : public ActivationLayer<T> {
  public:
    void value(const T* parameters, const T* z, T* h, int count) const override {
        const A phi(parameters);
#pragma omp simd
        for (int i = 0; i < count; i++) h[i] = phi.value(z[i]);
    }

    void chain(const T* parameters, const T* z, const T* h, T* g, int count) const override {
        const A phi(parameters);
#pragma omp simd
        for (int i = 0; i < count; i++) g[i] = phi.chain(g[i], z[i], h[i]);
    }

    void chain(const T* parameters, const Kinks<T>& kinks, const T* z, const T* h, T* g,
               int count) const override {
        const A phi(parameters);
        const T convention = kinks.convention;
        const bool overwrites = kinks.overwrites;
#pragma omp simd
        for (int i = 0; i < count; i++) {
            const T chosen = overwrites ? convention : g[i] * convention;
            const T usual = phi.chain(g[i], z[i], h[i]);
            g[i] = z[i] == 0 ? chosen : usual;
        }
    }

    void tally(const T* parameters, const Kinks<T>& kinks, int64_t hits, const T* z, const T* h,
               int units, int real, UnitSums<T> sums) const override {
        const A phi(parameters);
        const bool chooses = kinks.has_convention && hits;
        for (int u = 0; u < units; u++, z += PANEL, h += PANEL, sums.next_unit()) {
            if (std::is_same_v<A, Relu<T>> && !chooses && real == PANEL)
                count_positive(h, sums);
            else
                count_slopes(phi, chooses, kinks.convention, z, h, real, sums);
        }
    }

  private:
    typedef typename Vector<T>::type V;
    static constexpr int LANES = Vector<T>::SIZE;

    // relu passes the gradient, with slope 1, exactly where h > 0.
    static void count_positive(const T* h, const UnitSums<T>& sums) {
        decltype(V{} == V{}) positive{};  // a comparison that holds is -1
        V activity{};
        for (int r = 0; r < PANEL; r += LANES) {
            const V value = *(const V*)(h + r);
            positive -= value > 0;
            activity += value;
        }
        const V counted = __builtin_convertvector(positive, V), rest = T(PANEL / LANES) - counted;
        *(V*)sums.passing += counted;
        *(V*)sums.flat += rest;
        *(V*)sums.zero += rest;
        *(V*)sums.activity += activity;
    }

    static void count_slopes(const A& phi, bool chooses, T at_zero, const T* z, const T* h,
                             int real, const UnitSums<T>& sums) {
        T slope[PANEL];
#pragma omp simd
        for (int r = 0; r < PANEL; r++) {
            const T usual = phi.chain(T(1), z[r], h[r]);
            slope[r] = chooses && z[r] == 0 ? at_zero : usual;
        }
        count(slope, h, real, sums);
    }

    static void count(const T* slope, const T* h, int real, const UnitSums<T>& sums) {
        decltype(V{} == V{}) passing{}, flat{}, zero{};
        V activity{};
        int r = 0;
        for (; r + LANES <= real; r += LANES) {
            const V s = *(const V*)(slope + r), value = *(const V*)(h + r);
            passing -= s != 0;
            flat -= (s < 0 ? -s : s) < T(FLAT);
            zero -= value == 0;
            activity += value < 0 ? -value : value;
        }
        for (int j = 0; r + j < real; j++) {
            const T s = slope[r + j], value = h[r + j];
            passing[j] += s != 0;
            flat[j] += (s < 0 ? -s : s) < T(FLAT);
            zero[j] += value == 0;
            activity[j] += value < 0 ? -value : value;
        }
        for (int j = 0; j < LANES; j++) {
            sums.passing[j] += T(passing[j]);
            sums.flat[j] += T(flat[j]);
            sums.zero[j] += T(zero[j]);
            sums.activity[j] += activity[j];
        }
    }
};

template <class T>
inline const ActivationLayer<T>& activation_layer(int32_t name) {
    static const LayerOf<T, Identity<T>> identity;
    static const LayerOf<T, Relu<T>> relu;
    static const LayerOf<T, Clamp<T>> clamp;
    static const LayerOf<T, Leaky<T>> leaky;
    static const LayerOf<T, Exponential<T>> exponential;
    static const LayerOf<T, Sigmoid<T>> sigmoid;
    static const LayerOf<T, Tanh<T>> tanh;
    static const LayerOf<T, Softsign<T>> softsign;
    static const LayerOf<T, Softplus<T>> softplus;
    static const LayerOf<T, Gelu<T>> gelu;
    static const LayerOf<T, Silu<T>> silu;
    static const LayerOf<T, Mish<T>> mish;
    static const LayerOf<T, Hardswish<T>> hardswish;
    switch (name) {
        case RELU: return relu;
        case RELU6: case HARDTANH: return clamp;
        case LEAKY: case PRELU: return leaky;
        case EXPONENTIAL: return exponential;
        case SIGMOID: return sigmoid;
        case TANH: return tanh;
        case SOFTSIGN: return softsign;
        case SOFTPLUS: return softplus;
        case GELU: return gelu;
        case SILU: return silu;
        case MISH: return mish;
        case HARDSWISH: return hardswish;
        default: return identity;
    }
}

// Values among the `real` examples of each unit that lie at a kink, and where `g` is given only
// those whose g is not 0, or is overwritten.
template <class T>
inline int64_t count_kinks(const Kinks<T>& kinks, const T* z, const T* g, int units, int stride,
                           int real) {
    if (!kinks.count || !MEASURES_STEPS) return 0;
    const T first = kinks.points[0], second = kinks.points[kinks.count - 1];
    // One run where no example is padding; and a kink that is met is rare.
    const int rows = real == stride ? 1 : units, length = real == stride ? units * stride : real;
    int64_t total = 0;
    for (int u = 0; u < rows; u++) {
        const T *row = z + u * stride, *slope = g ? g + u * stride : nullptr;
        int32_t hits = 0;
#pragma omp simd reduction(+ : hits)
        for (int r = 0; r < length; r++) hits += row[r] == first || row[r] == second;
        if (hits && slope)
            for (int r = 0; r < length; r++) {
                const bool is_heard = slope[r] != 0 || (kinks.overwrites && row[r] == 0);
                hits -= (row[r] == first || row[r] == second) && !is_heard;
            }
        total += hits;
    }
    return total;
}

}  // namespace subgrad
