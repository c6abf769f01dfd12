// What the callers hand over. Mirrored, field by field, in workers/training/native/interface.py.
//
// Legend: L hidden layers, L + 1 layers with weights, U units, C outputs, V values of a layer
// beside its weights (biases first, a learned slope last), S steps.
#pragma once

#include <cstdint>

namespace subgrad {

enum Activation : int32_t {
    IDENTITY, RELU, RELU6, HARDTANH, LEAKY, PRELU, EXPONENTIAL, SIGMOID, TANH, SOFTSIGN, SOFTPLUS,
    GELU, SILU, MISH, HARDSWISH
};
enum Loss : int32_t { CROSS_ENTROPY, MSE, MAE, HUBER, QUANTILE, BCE, HINGE };
enum Optimizer : int32_t { SGD, ADAM, ADAMW, RMSPROP };

// What all members of a cohort share.
struct Program {
    int32_t layers;  // L + 1
    int32_t values;  // V
    const int32_t* widths;  // [L + 2]: features, units of each hidden layer, outputs
    const int32_t* padded;  // [L + 2]: the same as they lie in memory, multiples of 16
    int32_t activation, loss, optimizer;
    int32_t moments;  // tensors that the optimizer keeps for each parameter
    int32_t rates;  // numbers of the optimizer's plan a step
};

// One member: its parameters, which training changes in place, and its own constants.
struct Member {
    void* const* weights;  // [L + 1], each [D_in, D_out] padded
    void* values;  // [L + 1, V]
    void* const* moments;  // [moments of the optimizer, L + 2]: shaped as weights and values
    double activation[4];
    double convention;  // the derivative at 0 where has_convention
    int32_t has_convention;
    int32_t overwrites;  // whether it replaces the gradient at 0 instead of multiplying it
    int32_t kinks;  // how many of kink_points there are
    double kink_points[2];
    double loss[4];
    double optimizer[8];
    double clip_norm;  // not above 0: no clipping
};

// What `members` members do in one call, one after the other, and how far apart what is each one's
// own lies: numbers of examples, rates and log.
struct Steps {
    int64_t members;
    const int32_t* rows;  // [count] of each
    int64_t rows_apart, count;
    const double* rates;  // [S, rates] of each
    int64_t rates_apart;
    double* log;  // [S, log_width] of each
    int64_t log_apart;
    int32_t batch;
};

// A part of the data.
struct Part {
    const void* x;  // [N + padding, F padded]; row N is all 0
    const void* panels;  // the same, [panels, F padded, PANEL]
    const int64_t* labels;  // [N], or
    const void* targets;  // [N, C padded]
    int64_t count;  // N
};

}  // namespace subgrad
