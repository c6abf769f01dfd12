// Functions that the compiler may call for a whole vector of arguments at once. On x86 they are
// glibc's vector functions (libmvec), within 4 units of the last place; elsewhere the scalar ones.
#pragma once

#include <cmath>

#if defined(__x86_64__)
#define VECTORISED __attribute__((simd("notinbranch")))
#else
#define VECTORISED
#endif

extern "C" {
VECTORISED float expf(float) noexcept;
VECTORISED float expm1f(float) noexcept;
VECTORISED float logf(float) noexcept;
VECTORISED float log1pf(float) noexcept;
VECTORISED float tanhf(float) noexcept;
VECTORISED float erff(float) noexcept;
VECTORISED double exp(double) noexcept;
VECTORISED double expm1(double) noexcept;
VECTORISED double log(double) noexcept;
VECTORISED double log1p(double) noexcept;
VECTORISED double tanh(double) noexcept;
VECTORISED double erf(double) noexcept;
}

namespace subgrad {

inline float vector_exp(float x) { return ::expf(x); }
inline float vector_expm1(float x) { return ::expm1f(x); }
inline float vector_log(float x) { return ::logf(x); }
inline float vector_log1p(float x) { return ::log1pf(x); }
inline float vector_tanh(float x) { return ::tanhf(x); }
inline float vector_erf(float x) { return ::erff(x); }
inline double vector_exp(double x) { return ::exp(x); }
inline double vector_expm1(double x) { return ::expm1(x); }
inline double vector_log(double x) { return ::log(x); }
inline double vector_log1p(double x) { return ::log1p(x); }
inline double vector_tanh(double x) { return ::tanh(x); }
inline double vector_erf(double x) { return ::erf(x); }

}  // namespace subgrad
