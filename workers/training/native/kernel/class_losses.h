// Losses of labels: the largest output is the answer, and the first among equals.
#pragma once

#include "activations.h"
#include "loss.h"

namespace subgrad {

// Of one example, whose outputs lie `stride` apart.
template <class T>
inline int answer(const T* out, int outputs, int stride) {
    int best = 0;
    for (int c = 1; c < outputs; c++)
        if (out[c * stride] > out[best * stride]) best = c;
    return best;
}

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
            sums.score += answer(out + r, outputs, stride) == wanted.labels[r];
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

// softplus(out) - y out, with y = 1 for the label; a single output is the logit of class 1.
template <class T>
class BceLayer final : public LossLayer<T> {
  public:
    void step(const double*, const T* out, const Wanted<T>& wanted, int outputs, int stride,
              int real, T weight, T* g, LossSums& sums) const override {
        weight /= T(outputs);
        for (int c = 0; c < outputs; c++) {
            const T* row = out + c * stride;
            T *slope = g + c * stride, losses[PANEL];
#pragma omp simd
            for (int r = 0; r < stride; r++) {
                slope[r] = logistic(row[r]);
                losses[r] = soft_plus(row[r]);
            }
            T loss = 0;
            for (int r = 0; r < real; r++) {
                const T y = is_label(wanted, outputs, c, r);
                slope[r] = (slope[r] - y) * weight;
                loss += (losses[r] - y * row[r]) * weight;
            }
            for (int r = real; r < stride; r++) slope[r] = 0;
            sums.loss += loss;
        }
    }

    void total(const double*, const T* out, const Wanted<T>& wanted, int outputs, int stride,
               int real, LossSums& sums) const override {
        for (int c = 0; c < outputs; c++) {
            const T* row = out + c * stride;
            T losses[PANEL];
#pragma omp simd
            for (int r = 0; r < stride; r++) losses[r] = soft_plus(row[r]);
            for (int r = 0; r < real; r++)
                sums.loss += double(losses[r] - is_label(wanted, outputs, c, r) * row[r]) / outputs;
        }
        for (int r = 0; r < real; r++)
            sums.score += wanted.labels[r] == (outputs > 1 ? answer(out + r, outputs, stride) : out[r] > 0);
    }

  private:
    static T is_label(const Wanted<T>& wanted, int outputs, int c, int r) {
        return T(wanted.labels[r] == (outputs > 1 ? c : 1));
    }
};

// Σ max(0, s_j) / C with s_j = margin - out_label + out_j over all j but the label. Parameters: the
// margin, and the derivative of max(0, s) at s = 0.
template <class T>
class HingeLayer final : public LossLayer<T> {
  public:
    void step(const double* parameters, const T* out, const Wanted<T>& wanted, int outputs,
              int stride, int real, T weight, T* g, LossSums& sums) const override {
        const T margin = T(parameters[0]), at_kink = T(parameters[1]);
        weight /= T(outputs);
        for (int c = 0; c < outputs; c++)
            for (int r = real; r < stride; r++) g[c * stride + r] = 0;
        for (int r = 0; r < real; r++) {
            const int64_t label = wanted.labels[r];
            T loss = 0, passed = 0;
            for (int c = 0; c < outputs; c++) {
                if (c == label) continue;
                const T slack = out[c * stride + r] - out[label * stride + r] + margin;
                const T slope = slack > 0 ? T(1) : slack == 0 ? at_kink : T(0);
                sums.kinks += slack == 0;
                g[c * stride + r] = slope * weight;
                passed += slope * weight;
                loss += (slack < 0 ? T(0) : slack) * weight;
            }
            g[label * stride + r] = -passed;
            sums.loss += loss;
        }
    }

    void total(const double* parameters, const T* out, const Wanted<T>& wanted, int outputs,
               int stride, int real, LossSums& sums) const override {
        const T margin = T(parameters[0]);
        for (int r = 0; r < real; r++) {
            const int64_t label = wanted.labels[r];
            for (int c = 0; c < outputs; c++) {
                const T slack = out[c * stride + r] - out[label * stride + r] + margin;
                if (c != label) sums.loss += double(slack < 0 ? T(0) : slack) / outputs;
            }
            sums.score += answer(out + r, outputs, stride) == label;
        }
    }
};

}  // namespace subgrad
