// A pass over a part of the data with one member's weights as they are: loss, score, and what its
// units do.
#pragma once

#include "network.h"

namespace subgrad {

// Where a pass leaves what it found.
struct Found {
    double* sums;  // loss and score
    // Per hidden layer, or null: [4, U padded], examples whose φ' is not 0, whose |φ'| < FLAT, whose
    // h is 0; and the sum of |h|.
    double* const* units;
    // Per hidden layer the Gram matrix of the first PANEL examples' h, or of its transpose, whichever
    // is smaller, [size, size]; padding is 0.
    double* const* grams;
    const int32_t* gram_sizes;
};

template <class T>
class Evaluator {
  public:
    explicit Evaluator(Network<T>& network) : net_(network) {
        int widest = PANEL;
        for (int i = 0; i + 1 < net_.layers; i++) {
            lanes_.emplace_back(size_t(4) * net_.padded[i + 1] * LANES);
            widest = std::max(widest, int(net_.padded[i + 1]));
        }
        sample_ = Values<double>(size_t(widest) * PANEL);
    }

    // Panels `first` up to `end` of the part; adds to what is found already.
    void evaluate(const Member& member, const Part& part, int64_t first, int64_t end, Found found) {
        Own<T> own(member);
        LossSums sums;
        const int64_t size = int64_t(net_.padded[0]) * PANEL;
        for (int64_t panel = first; panel < end; panel++) {
            const int real = int(std::min<int64_t>(PANEL, part.count - panel * PANEL));
            const T* x = static_cast<const T*>(part.panels) + panel * size;
            net_.forward(member, own, x, PANEL, real);
            net_.want(part, nullptr, panel * PANEL, PANEL, real);
            net_.loss.total(member.loss, net_.out.get(), net_.wanted, net_.widths[net_.layers],
                            PANEL, real, sums);
            if (!found.units) continue;
            tally(member, own, real);
            if (panel == 0) take_grams(real, found);
            if (panel + 1 == end || panel % FOLD == FOLD - 1) fold(found);
        }
        found.sums[0] += sums.loss;
        found.sums[1] += sums.score;
    }

  private:
    static constexpr int LANES = Vector<T>::SIZE;
    static constexpr int FOLD = 8;  // panels whose sums stay in the working precision

    void tally(const Member& member, Own<T>& own, int real) {
        for (int i = 0; i + 1 < net_.layers; i++) {
            const HiddenLayer<T>& layer = net_.hidden[i];
            const int64_t block = int64_t(net_.padded[i + 1]) * LANES;
            T* at = lanes_[i].get();
            const UnitSums<T> sums = {at, at + block, at + 2 * block, at + 3 * block};
            net_.phi.tally(net_.parameters(member, own, i), own.kinks, layer.hits, layer.z.get(),
                           layer.h.get(), net_.widths[i + 1], real, sums);
        }
    }

    void fold(Found found) {
        for (int i = 0; i + 1 < net_.layers; i++) {
            const int count = 4 * net_.padded[i + 1];
            T* lanes = lanes_[i].get();
            for (int j = 0; j < count; j++)
                for (int lane = 0; lane < LANES; lane++) found.units[i][j] += lanes[j * LANES + lane];
            std::memset(lanes, 0, sizeof(T) * count * LANES);
        }
    }

    void take_grams(int real, Found found) {
        for (int i = 0; i + 1 < net_.layers; i++) {
            const T* h = net_.hidden[i].h.get();
            const int size = found.gram_sizes[i], units = net_.widths[i + 1];
            const bool by_example = round_up(real, 16) <= net_.padded[i + 1];
            const int depth = by_example ? units : real;
            double* sample = sample_.get();
            std::memset(sample, 0, sizeof(double) * depth * size);
            for (int u = 0; u < units; u++) {
                const T* row = h + u * PANEL;
                if (by_example)
                    for (int r = 0; r < real; r++) sample[u * size + r] = row[r];
                else
                    for (int r = 0; r < real; r++) sample[r * size + u] = row[r];
            }
            product<double>(size, size, depth, {sample, 1, size}, sample, found.grams[i], size);
        }
    }

    Network<T>& net_;
    std::vector<Values<T>> lanes_;
    Values<double> sample_;
};

}  // namespace subgrad
