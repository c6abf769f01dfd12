// Matrix products of one member, on one core. Every sum runs in the order that the shapes fix.
#pragma once

#include <algorithm>
#include <type_traits>

#include "vector.h"

namespace subgrad {

// A[m][k] of a product lies at a[m * across + k * along]; one of the two is 1.
template <class T>
struct Left {
    const T* a;
    int64_t across, along;
};

// MR rows and NR vectors of C stay in registers while k runs: C = start + A B, or C += A B where
// start is null and `adds`.
template <class T, int MR, int NR>
inline __attribute__((always_inline)) void tile(int depth, Left<T> left, const T* b,
                                                int64_t b_stride, T* c, int64_t c_stride,
                                                const T* start, bool adds) {
    typedef typename Vector<T>::type V;
    constexpr int N = Vector<T>::SIZE;
    V sum[MR][NR];
    for (int m = 0; m < MR; m++)
        for (int n = 0; n < NR; n++) {
            if (adds)
                sum[m][n] = *(const V*)(c + m * c_stride + n * N);
            else
                sum[m][n] = V{} + (start ? start[m] : T(0));
        }
    const T* a = left.a;
    for (int k = 0; k < depth; k++, a += left.along, b += b_stride) {
        V row[NR];
        for (int n = 0; n < NR; n++) row[n] = *(const V*)(b + n * N);
        for (int m = 0; m < MR; m++) {
            const T value = a[m * left.across];
            for (int n = 0; n < NR; n++) sum[m][n] += value * row[n];
        }
    }
    for (int m = 0; m < MR; m++)
        for (int n = 0; n < NR; n++) *(V*)(c + m * c_stride + n * N) = sum[m][n];
}

// Rows of a tile: as many sums as the registers hold beside a row of B and a value of A, since each
// is added to only every few cycles. 32 registers of 64 bytes, or 16 of 32.
template <int NR>
constexpr int TALLEST = VECTOR_BYTES == 64 ? (NR > 2 ? 4 : 8) : 6;

// C [rows, NR vectors] by tiles. `rows` is a multiple of 4.
template <class T, int NR>
inline void column(int rows, int depth, Left<T> left, const T* b, int64_t b_stride, T* c,
                   int64_t c_stride, const T* start, bool adds) {
    constexpr int MR = TALLEST<NR>;
    int m = 0;
    auto run = [&](auto size) {
        constexpr int R = decltype(size)::value;
        tile<T, R, NR>(depth, {left.a + m * left.across, left.across, left.along}, b, b_stride,
                       c + m * c_stride, c_stride, start ? start + m : nullptr, adds);
        m += R;
    };
    while (m + MR <= rows && rows - m != MR + 2)  // not with 2 rows to go: 8 are twice 4
        run(std::integral_constant<int, MR>());
    while (m < rows) run(std::integral_constant<int, 4>());
}

// Vectors of a tile's row: with more, sums and operands no longer fit the registers.
constexpr int WIDEST = VECTOR_BYTES == 64 ? 4 : 2;

template <class T, class... Rest>
inline void columns_of(int vectors, Rest... rest) {
    switch (vectors) {
        case 1: return column<T, 1>(rest...);
        case 2: return column<T, 2>(rest...);
        case 3: return column<T, 3>(rest...);
        default: return column<T, WIDEST>(rest...);
    }
}

// Rows of B whose panel stays in the first cache.
constexpr int DEEPEST = 128;

// C [rows, columns] = start + A B, with B and C of `stride` columns each, whole vectors.
template <class T>
void product(int rows, int columns, int depth, Left<T> left, const T* b, T* c, int stride,
             const T* start = nullptr) {
    constexpr int N = Vector<T>::SIZE;
    for (int n = 0; n < columns; n += WIDEST * N) {
        const int vectors = std::min(WIDEST, (columns - n) / N);
        for (int k = 0; k == 0 || k < depth; k += DEEPEST) {
            const int some = std::min(DEEPEST, depth - k);
            const Left<T> part = {left.a + k * left.along, left.across, left.along};
            const T* b_part = b + int64_t(k) * stride + n;
            const T* begin = k ? nullptr : start;
            columns_of<T>(vectors, rows, some, part, b_part, stride, c + n, stride, begin, k > 0);
        }
    }
}

}  // namespace subgrad
