// The steps of one member: gather, forward, loss, backward, update, and what is measured of each.
#pragma once

#include "network.h"
#include "optimizers.h"

namespace subgrad {

// What a step writes down: loss, hits of the loss's kink; then L + 1 squared norms each of
// gradient, weights and direction; then L kink hits and L effective ones.
inline int log_width(int layers) { return 2 + 3 * layers + 2 * (layers - 1); }

template <class T>
class Trainer {
  public:
    explicit Trainer(Network<T>& network)
        : net_(network), program_(network.program), values_(network.layers * program_.values) {
        int widest = 0;
        for (int i = 0; i < net_.layers; i++) {
            gradients_.emplace_back(int64_t(net_.padded[i]) * net_.padded[i + 1]);
            upstream_.emplace_back(net_.padded[i + 1] * PANEL);
            widest = std::max(widest, round_up(net_.padded[i + 1], PANEL));
        }
        turned_ = Values<T>(int64_t(widest) * PANEL);
        mover_ = make_mover<T>(program_.optimizer, program_.moments);
    }

    // `steps` steps over batches of `batch` examples, whose numbers are `rows`; the last batch may
    // be smaller. `rates` and `log` have a row a step.
    void train(const Member& member, const Part& part, const int32_t* rows, int64_t count,
               int batch, const double* rates, double* log) {
        Own<T> own(member);
        for (int64_t first = 0; first < count; first += batch) {
            const int real = int(std::min<int64_t>(batch, count - first));
            step(member, own, part, rows + first, real, rates, log);
            rates += program_.rates;
            log += log_width(net_.layers);
        }
    }

  private:
    void step(const Member& member, Own<T>& own, const Part& part, const int32_t* rows, int real,
              const double* rates, double* log) {
        log_ = log;
        std::fill(log, log + log_width(net_.layers), 0.0);
        squares_.assign(net_.layers, Squares());
        std::memset(values_.get(), 0, sizeof(T) * net_.layers * program_.values);
        const bool clips = member.clip_norm > 0;
        LossSums sums;
        for (int first = 0; first < real; first += PANEL) {
            const int some = std::min(PANEL, real - first), stride = round_up(some, 16);
            gather(part, rows + first, some, stride);
            net_.forward(member, own, net_.x.get(), stride, some);
            net_.want(part, rows + first, 0, stride, some);
            net_.loss.step(member.loss, net_.out.get(), net_.wanted, net_.widths[net_.layers],
                           stride, some, T(1) / T(real), upstream_.back().get(), sums);
            const bool is_last = first + some == real;
            if (is_last && !clips) mover_->start(member, rates, T(1));
            Pass pass = {first == 0, is_last && !clips};
            backward(member, own, stride, some, pass);
        }
        if (clips) clip(member, rates);
        for (int i = 0; i < net_.layers; i++) move_values(member, i);
        write(sums);
    }

    // Which of a batch's panels is at hand.
    struct Pass {
        bool is_first, moves;  // moves: gradients are complete, and may be used at once
    };

    void gather(const Part& part, const int32_t* rows, int real, int stride) {
        const T* x = static_cast<const T*>(part.x);
        for (int r = 0; r < stride; r += 16) {
            const T* lines[16];
            for (int j = 0; j < 16; j++)
                lines[j] = x + (r + j < real ? int64_t(rows[r + j]) : part.count) * net_.padded[0];
            for (int f = 0; f < net_.padded[0]; f += 16) {
                transpose_block<T>(lines, net_.x.get() + f * stride + r, stride);
                for (int j = 0; j < 16; j++) lines[j] += 16;
            }
        }
    }

    void backward(const Member& member, Own<T>& own, int stride, int real, Pass pass) {
        for (int i = net_.layers - 1; i >= 0; i--) {
            T* g = upstream_[i].get();
            clear(g, net_.widths[i + 1], net_.padded[i + 1], stride);
            if (i > 0) {
                product<T>(round_up(net_.widths[i], 4), stride, net_.widths[i + 1],
                           {net_.weights(member, i), net_.padded[i + 1], 1}, g,
                           upstream_[i - 1].get(), stride, nullptr);
            }
            turn(i, g, stride);
            add_biases(i, real);
            weight_gradient(member, i, stride, real, pass);
            if (i > 0) through_hidden(member, own, i - 1, stride, real);
        }
    }

    // ∂b = Σ g over the examples, from the turned g.
    void add_biases(int i, int real) {
        typedef typename Vector<T>::type V;
        constexpr int N = Vector<T>::SIZE;
        for (int u = 0; u < net_.padded[i + 1]; u += N) {
            const T* g = turned_.get() + int64_t(u / PANEL) * PANEL * PANEL + u % PANEL;
            V even{}, odd{};
            int r = 0;
            for (; r + 2 <= real; r += 2) {
                even += *(const V*)(g + r * PANEL);
                odd += *(const V*)(g + (r + 1) * PANEL);
            }
            if (r < real) even += *(const V*)(g + r * PANEL);
            *(V*)(values_.get() + i * program_.values + u) += even + odd;
        }
    }

    // From the gradient at a hidden layer's h to the gradient at its z.
    void through_hidden(const Member& member, Own<T>& own, int i, int stride, int real) {
        HiddenLayer<T>& layer = net_.hidden[i];
        const int units = net_.widths[i + 1], count = units * stride;
        T *g = upstream_[i].get(), *z = layer.z.get(), *h = layer.h.get();
        const T* parameters = net_.parameters(member, own, i);
        double* hits = log_ + 2 + 3 * net_.layers;
        if (layer.hits) {
            hits[i] += double(layer.hits);
            hits[net_.layers - 1 + i] += count_kinks<T>(own.kinks, z, g, units, stride, real);
        }
        if (program_.activation == PRELU)
            values_[(i + 1) * program_.values - 1] += slope_gradient(g, z, units, stride, real);
        if (layer.hits && own.kinks.has_convention)
            net_.phi.chain(parameters, own.kinks, z, h, g, count);
        else
            net_.phi.chain(parameters, z, h, g, count);
    }

    static T slope_gradient(const T* g, const T* z, int units, int stride, int real) {
        T total = 0;
        for (int u = 0; u < units; u++) {
            T sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int r = 0; r < real; r++) {
                const T below = z[u * stride + r] > 0 ? T(0) : z[u * stride + r];
                sum += below * g[u * stride + r];
            }
            total += sum;
        }
        return total;
    }

    // g [U, R] as panels of PANEL units, [panels, R, PANEL].
    void turn(int i, const T* g, int stride) {
        for (int u = 0; u < net_.padded[i + 1]; u += 16) {
            T* panel = turned_.get() + int64_t(u / PANEL) * PANEL * PANEL + u % PANEL;
            for (int r = 0; r < stride; r += 16) {
                const T* lines[16];
                for (int j = 0; j < 16; j++) lines[j] = g + (u + j) * stride + r;
                transpose_block<T>(lines, panel + r * PANEL, PANEL);
            }
        }
    }

    // ∂W = h g', tile by tile; a tile that is complete is moved while it is in the cache.
    void weight_gradient(const Member& member, int i, int stride, int real, Pass pass) {
        const T* incoming = i ? net_.hidden[i - 1].h.get() : net_.x.get();
        const int columns = net_.padded[i + 1], rows = round_up(net_.widths[i], 4);
        const bool keeps = !(pass.is_first && pass.moves);
        alignas(64) T scratch[8 * PANEL];
        SquareSums<T> sums;
        for (int n = 0; n < columns; n += PANEL) {
            const int some = std::min(PANEL, columns - n);
            const T* panel = turned_.get() + int64_t(n / PANEL) * PANEL * PANEL;
            for (int m = 0; m < rows; m += 8) {
                const int lines = std::min(8, rows - m);
                const Left<T> left = {incoming + int64_t(m) * stride, stride, 1};
                T* kept = gradients_[i].get() + int64_t(m) * columns + n;
                product_panel(lines, some, real, left, panel, scratch);
                if (keeps) keep(lines, some, scratch, kept, columns, pass.is_first);
                if (pass.moves) move_tile(member, i, int64_t(m) * columns + n, lines, some, scratch, sums);
            }
        }
    }

    static void product_panel(int rows, int columns, int depth, Left<T> left, const T* panel, T* c) {
        constexpr int N = Vector<T>::SIZE;
        for (int n = 0; n < columns; n += WIDEST * N)
            columns_of<T>(std::min(WIDEST, (columns - n) / N), rows, depth, left, panel + n, PANEL,
                          c + n, PANEL, nullptr, false);
    }

    // Adds a tile to the batch's gradient, and reads the sum back.
    static void keep(int rows, int columns, T* tile, T* kept, int stride, bool is_first) {
        for (int m = 0; m < rows; m++)
            for (int n = 0; n < columns; n++) {
                T& sum = kept[int64_t(m) * stride + n];
                sum = is_first ? tile[m * PANEL + n] : sum + tile[m * PANEL + n];
                tile[m * PANEL + n] = sum;
            }
    }

    void move_tile(const Member& member, int i, int64_t place, int rows, int columns,
                   const T* tile, SquareSums<T>& sums) {
        mover_->move(run(member, i, place), {tile, rows, columns, PANEL}, sums);
        sums.fold(squares_[i]);
    }

    Run<T> run(const Member& member, int place, int64_t offset) const {
        auto at = [&](int moment) {
            return program_.moments > moment
                       ? static_cast<T*>(member.moments[moment * (net_.layers + 1) + place]) + offset
                       : nullptr;
        };
        T* weights = place < net_.layers ? net_.weights(member, place)
                                         : static_cast<T*>(member.values);
        return {weights + offset, at(0), at(1), place < net_.layers ? net_.padded[place + 1] : 0};
    }

    void move_values(const Member& member, int i) {
        SquareSums<T> sums;
        const int64_t offset = int64_t(i) * program_.values;
        mover_->move(run(member, net_.layers, offset),
                     {values_.get() + offset, 1, program_.values, 0}, sums);
        sums.fold(squares_[i]);
    }

    // As torch.nn.utils.clip_grad_norm_: the bound is on the norm over all layers.
    void clip(const Member& member, const double* rates) {
        typedef typename Vector<T>::type V;
        double total = 0;
        for (int i = 0; i < net_.layers; i++) {
            SquareSums<T> sums;
            Squares squares;
            auto add = [&](const T* values, int64_t count) {
                for (int64_t j = 0; j < count; j += Vector<T>::SIZE) {
                    const V g = *(const V*)(values + j);
                    sums.gradient += g * g;
                    if (j % 1024 == 0) sums.fold(squares);
                }
            };
            add(gradients_[i].get(), int64_t(net_.padded[i]) * net_.padded[i + 1]);
            add(values_.get() + int64_t(i) * program_.values, program_.values);
            sums.fold(squares);
            total += squares.gradient;
        }
        const T wanted = T(member.clip_norm) / (std::sqrt(T(total)) + T(1e-6));
        mover_->start(member, rates, wanted > 1 ? T(1) : wanted);
        for (int i = 0; i < net_.layers; i++) {
            const int64_t count = int64_t(net_.padded[i]) * net_.padded[i + 1];
            SquareSums<T> sums;
            for (int64_t j = 0; j < count; j += PANEL) {
                const int some = int(std::min<int64_t>(PANEL, count - j));
                mover_->move(run(member, i, j), {gradients_[i].get() + j, 1, some, 0}, sums);
                sums.fold(squares_[i]);
            }
        }
    }

    void write(const LossSums& sums) {
        const int layers = net_.layers;
        log_[0] = sums.loss;
        log_[1] = double(sums.kinks);
        for (int i = 0; i < layers; i++) {
            // A norm that overflows the working precision is infinite.
            log_[2 + i] = double(T(squares_[i].gradient));
            log_[2 + layers + i] = double(T(squares_[i].weight));
            log_[2 + 2 * layers + i] = double(T(mover_->follows_gradient ? squares_[i].gradient
                                                                            : squares_[i].direction));
        }
    }

    Network<T>& net_;
    const Program& program_;
    Values<T> values_, turned_;
    std::vector<Values<T>> gradients_, upstream_;
    std::vector<Squares> squares_;
    std::unique_ptr<Mover<T>> mover_;
    double* log_ = nullptr;
};

}  // namespace subgrad
