// What a loss is. As in workers/training/losses: means are over examples and outputs. `out` and `g`
// are [C, R], an output's examples side by side; of each row `real` are examples.
#pragma once

#include "interface.h"
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

}  // namespace subgrad
