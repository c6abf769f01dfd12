// Vectors of the widest registers at hand, and the panel: what a member works on at a time.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace subgrad {

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
#else
constexpr int VECTOR_BYTES = 32;
#endif

template <class T>
struct Vector {
    typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
    static constexpr int SIZE = VECTOR_BYTES / sizeof(T);
};

// Activations lie transposed, a row a unit and a column an example, PANEL examples at a time: a
// panel of 128 units in float32 fills two thirds of a core's first cache, batches of any size are
// sums over panels, and sums over examples run along the memory.
constexpr int PANEL = 64;

// A benchmark builds the kernel a second time with SUBGRAD_BARE, to see what measuring costs.
#if defined(SUBGRAD_BARE)
constexpr bool MEASURES_STEPS = false;
#else
constexpr bool MEASURES_STEPS = true;
#endif

inline int round_up(int size, int multiple) { return (size + multiple - 1) / multiple * multiple; }

// out[c][r] = rows[r][c] for 16 rows of 16 values.
template <class T>
inline void transpose_block(const T* const* rows, T* out, int64_t stride) {
    for (int c = 0; c < 16; c++)
        for (int r = 0; r < 16; r++) out[c * stride + r] = rows[r][c];
}

#if defined(__AVX512F__)
// Four rounds of interleaving row i with row i + 8 transpose 16 rows: each round doubles the run
// of one column's values.
template <>
inline void transpose_block(const float* const* rows, float* out, int64_t stride) {
    typedef Vector<float>::type V;
    typedef int32_t M __attribute__((vector_size(64)));
    constexpr M low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
    constexpr M high = {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    V lines[16], mixed[16];
    for (int r = 0; r < 16; r++) lines[r] = *(const V*)rows[r];
    for (int round = 0; round < 4; round++) {
        for (int r = 0; r < 8; r++) {
            mixed[2 * r] = __builtin_shuffle(lines[r], lines[r + 8], low);
            mixed[2 * r + 1] = __builtin_shuffle(lines[r], lines[r + 8], high);
        }
        for (int r = 0; r < 16; r++) lines[r] = mixed[r];
    }
    for (int r = 0; r < 16; r++) *(V*)(out + r * stride) = lines[r];
}
#elif defined(__AVX2__)
// 8 rows of 8: pairs of values, then fours, then the halves of the registers.
inline void transpose_eight(const float* const* rows, int from, float* out, int64_t stride) {
    __m256 pair[8], four[8];
    for (int r = 0; r < 8; r += 2) {
        const __m256 even = _mm256_loadu_ps(rows[r] + from), odd = _mm256_loadu_ps(rows[r + 1] + from);
        pair[r] = _mm256_unpacklo_ps(even, odd);
        pair[r + 1] = _mm256_unpackhi_ps(even, odd);
    }
    for (int r = 0; r < 8; r += 4)
        for (int j = 0; j < 2; j++) {
            four[r + 2 * j] = _mm256_shuffle_ps(pair[r + j], pair[r + 2 + j], 0x44);
            four[r + 2 * j + 1] = _mm256_shuffle_ps(pair[r + j], pair[r + 2 + j], 0xee);
        }
    for (int c = 0; c < 4; c++) {
        _mm256_storeu_ps(out + c * stride, _mm256_permute2f128_ps(four[c], four[c + 4], 0x20));
        _mm256_storeu_ps(out + (c + 4) * stride, _mm256_permute2f128_ps(four[c], four[c + 4], 0x31));
    }
}

template <>
inline void transpose_block(const float* const* rows, float* out, int64_t stride) {
    for (int r = 0; r < 16; r += 8)
        for (int c = 0; c < 16; c += 8) transpose_eight(rows + r, c, out + c * stride + r, stride);
}
#endif

}  // namespace subgrad
