// The activations, as in workers/training/activations: φ(z), and the gradient g that arrives at h
// on its way through: g φ'(z), with PyTorch's φ' at kinks. A NaN in z passes as it does there.
#pragma once

#include "interface.h"
#include "mathematics.h"

namespace subgrad {

template <class T>
struct Identity {
    explicit Identity(const T*) {}
    T value(T z) const { return z; }
    T chain(T g, T, T) const { return g; }
};

template <class T>
struct Relu {
    explicit Relu(const T*) {}
    T value(T z) const { return z < 0 ? T(0) : z; }
    T chain(T g, T z, T) const { return z <= 0 ? T(0) : g; }
};

// min(max(low, z), high): φ' is 0 at the bounds. Parameters: low, high.
template <class T>
struct Clamp {
    T low, high;
    explicit Clamp(const T* p) : low(p[0]), high(p[1]) {}
    T value(T z) const { return z < low ? low : z > high ? high : z; }
    T chain(T g, T z, T) const { return z <= low || z >= high ? T(0) : g; }
};

// a z at and below 0. Parameter: a.
template <class T>
struct Leaky {
    T slope;
    explicit Leaky(const T* p) : slope(p[0]) {}
    T value(T z) const { return z <= 0 ? slope * z : z; }
    T chain(T g, T z, T) const { return z <= 0 ? slope * g : g; }
};

// right z above 0, left (exp(rate z) - 1) elsewhere. Parameters: right, left, rate.
template <class T>
struct Exponential {
    T right, left, rate, left_slope;
    explicit Exponential(const T* p) : right(p[0]), left(p[1]), rate(p[2]), left_slope(p[3]) {}
    T value(T z) const {
        const T below = left * vector_expm1(rate * (z > 0 ? T(0) : z));
        return z > 0 ? right * z : below;
    }
    T chain(T g, T z, T) const {
        const T curve = left_slope * vector_exp(rate * (z > 0 ? T(0) : z));
        return g * (z > 0 ? right : curve);
    }
};

template <class T>
inline T logistic(T x) { return 1 / (1 + vector_exp(-x)); }

// log(1 + exp(x)), which overflows nowhere.
template <class T>
inline T soft_plus(T x) {
    const T size = x < 0 ? x : -x;
    return vector_log1p(vector_exp(size)) + (x < 0 ? T(0) : x);
}

template <class T>
struct Sigmoid {
    explicit Sigmoid(const T*) {}
    T value(T z) const { return logistic(z); }
    T chain(T g, T, T h) const { return g * ((1 - h) * h); }
};

template <class T>
struct Tanh {
    explicit Tanh(const T*) {}
    T value(T z) const { return vector_tanh(z); }
    T chain(T g, T, T h) const { return g * (1 - h * h); }
};

template <class T>
struct Softsign {
    explicit Softsign(const T*) {}
    T value(T z) const { return z / (1 + (z < 0 ? -z : z)); }
    T chain(T g, T z, T) const {
        const T below = 1 + (z < 0 ? -z : z);
        return g / below / below;
    }
};

// log(1 + exp(beta z)) / beta, and z where beta z > 20. Parameter: beta.
template <class T>
struct Softplus {
    T beta;
    explicit Softplus(const T* p) : beta(p[0]) {}
    T value(T z) const {
        const T x = beta * z;
        const T curved = soft_plus(x) / beta;
        return x > 20 ? z : curved;
    }
    T chain(T g, T z, T) const {
        const T x = beta * z;
        const T slope = logistic(x);
        return g * (x > 20 ? T(1) : slope);
    }
};

template <class T>
struct Gelu {
    explicit Gelu(const T*) {}
    static T distribution(T z) { return T(0.5) * (1 + vector_erf(z * T(0.70710678118654752440))); }
    T value(T z) const { return z * distribution(z); }
    T chain(T g, T z, T) const {
        const T density = T(0.39894228040143267794) * vector_exp(T(-0.5) * z * z);
        return g * (distribution(z) + z * density);
    }
};

template <class T>
struct Silu {
    explicit Silu(const T*) {}
    T value(T z) const { return z * logistic(z); }
    T chain(T g, T z, T) const {
        const T s = logistic(z);
        return g * (s * (1 + z * (1 - s)));
    }
};

template <class T>
struct Mish {
    explicit Mish(const T*) {}
    T value(T z) const { return z * vector_tanh(soft_plus(z)); }
    T chain(T g, T z, T) const {
        const T t = vector_tanh(soft_plus(z));
        return g * (t + z * (1 - t * t) * logistic(z));
    }
};

template <class T>
struct Hardswish {
    explicit Hardswish(const T*) {}
    T value(T z) const {
        const T gate = z < -3 ? T(0) : z > 3 ? T(6) : z + 3;
        return z * gate / 6;
    }
    T chain(T g, T z, T) const {
        const T slope = z <= -3 ? T(0) : z >= 3 ? T(1) : z / 3 + T(0.5);
        return g * slope;
    }
};

}  // namespace subgrad
