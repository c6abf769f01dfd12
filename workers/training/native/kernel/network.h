// One member's network over a panel of examples: z = W'h + b and h = φ(z), layer by layer.
//
// All activations lie transposed, [U padded, R], R the panel's examples rounded up to 16. Rows of
// padded units stay 0; columns of padded examples hold what no sum looks at.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "activation_layer.h"
#include "interface.h"
#include "losses.h"
#include "product.h"
#include "vector.h"

namespace subgrad {

// Memory for whole vectors, zeros at first.
template <class T>
class Values {
  public:
    explicit Values(size_t count = 0)
        : data_(static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 127) / 64 * 64))) {
        if (!data_) throw std::bad_alloc();
        std::memset(data_.get(), 0, (count * sizeof(T) + 127) / 64 * 64);
    }
    T* get() const { return data_.get(); }
    T& operator[](int64_t i) const { return data_.get()[i]; }

  private:
    struct Free {
        void operator()(T* p) const { std::free(p); }
    };
    std::unique_ptr<T, Free> data_;
};

// Rows from `units` on are padding: 0, whatever another stride has left there.
template <class T>
inline void clear(T* values, int units, int padded, int stride) {
    std::memset(values + int64_t(units) * stride, 0, sizeof(T) * (padded - units) * stride);
}

template <class T>
struct HiddenLayer {
    explicit HiddenLayer(int padded) : z(padded * PANEL), h(padded * PANEL) {}
    Values<T> z, h;
    int64_t hits = 0;  // pre-activations of the panel at a kink
};

// A member as numbers of the working precision.
template <class T>
struct Own {
    T activation[4];
    Kinks<T> kinks;

    explicit Own(const Member& member) {
        for (int i = 0; i < 4; i++) activation[i] = T(member.activation[i]);
        kinks.count = member.kinks;
        for (int i = 0; i < 2; i++) kinks.points[i] = T(member.kink_points[i]);
        kinks.has_convention = member.has_convention != 0;
        kinks.convention = T(member.convention);
        kinks.overwrites = member.overwrites != 0;
    }
};

template <class T>
class Network {
  public:
    explicit Network(const Program& program)
        : program(program),
          layers(program.layers),
          widths(program.widths),
          padded(program.padded),
          phi(activation_layer<T>(program.activation)),
          loss(loss_layer<T>(program.loss)),
          x(padded[0] * PANEL),
          out(padded[layers] * PANEL),
          targets(padded[layers] * PANEL) {
        for (int i = 0; i + 1 < layers; i++) hidden.emplace_back(padded[i + 1]);
        wanted.targets = targets.get();
    }

    T* weights(const Member& member, int i) const { return static_cast<T*>(member.weights[i]); }
    T* biases(const Member& member, int i) const {
        return static_cast<T*>(member.values) + int64_t(i) * program.values;
    }

    // The activation's parameters in a layer: a learned slope is its own.
    const T* parameters(const Member& member, Own<T>& own, int i) const {
        if (program.activation == PRELU) own.activation[0] = biases(member, i)[program.values - 1];
        return own.activation;
    }

    // x [F, R] through all layers; the kinks of `real` examples are counted.
    void forward(const Member& member, Own<T>& own, const T* input, int stride, int real) {
        const T* incoming = input;
        for (int i = 0; i < layers; i++) {
            T* z = i + 1 < layers ? hidden[i].z.get() : out.get();
            product<T>(round_up(widths[i + 1], 4), stride, widths[i],
                       {weights(member, i), 1, padded[i + 1]}, incoming, z, stride,
                       biases(member, i));
            if (i + 1 == layers) break;
            HiddenLayer<T>& layer = hidden[i];
            layer.hits = count_kinks<T>(own.kinks, z, nullptr, widths[i + 1], stride, real);
            phi.value(parameters(member, own, i), z, layer.h.get(), widths[i + 1] * stride);
            clear(layer.h.get(), widths[i + 1], round_up(widths[i + 1], 4), stride);
            incoming = layer.h.get();
        }
    }

    // Labels or targets of the panel's examples, numbered `rows`, or in order from `first` on.
    void want(const Part& part, const int32_t* rows, int64_t first, int stride, int real) {
        const int outputs = widths[layers];
        for (int r = 0; r < real; r++) {
            const int64_t row = rows ? rows[r] : first + r;
            if (part.labels) {
                wanted.labels[r] = part.labels[row];
                continue;
            }
            const T* target = static_cast<const T*>(part.targets) + row * padded[layers];
            for (int c = 0; c < outputs; c++) targets[c * stride + r] = target[c];
        }
    }

    const Program program;
    const int layers;
    const int32_t *widths, *padded;
    const ActivationLayer<T>& phi;
    const LossLayer<T>& loss;
    Values<T> x, out, targets;
    std::vector<HiddenLayer<T>> hidden;
    Wanted<T> wanted;
};

}  // namespace subgrad
