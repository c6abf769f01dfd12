// One member of a cohort at a time on one core, its weights in the core's cache: the entrances.
//
// All of a member's sums depend on its own shapes alone, so its numbers are the same to the bit
// alone and in any company. Compiled without fast-math: NaN and infinities stay what they are.

#include "evaluator.h"
#include "trainer.h"

namespace subgrad {

// What a thread works with: two threads need two.
class Bench {
  public:
    virtual ~Bench() = default;
    virtual void train(const Member& member, const Part& part, const int32_t* rows, int64_t count,
                       int32_t batch, const double* rates, double* log) = 0;
    virtual void evaluate(const Member& member, const Part& part, int64_t first, int64_t end,
                          const Found& found) = 0;
};

template <class T>
class BenchOf final : public Bench {
  public:
    explicit BenchOf(const Program& program)
        : network_(program), trainer_(network_), evaluator_(network_) {}

    void train(const Member& member, const Part& part, const int32_t* rows, int64_t count,
               int32_t batch, const double* rates, double* log) override {
        trainer_.train(member, part, rows, count, batch, rates, log);
    }

    void evaluate(const Member& member, const Part& part, int64_t first, int64_t end,
                  const Found& found) override {
        evaluator_.evaluate(member, part, first, end, found);
    }

  private:
    Network<T> network_;
    Trainer<T> trainer_;
    Evaluator<T> evaluator_;
};

}  // namespace subgrad

using namespace subgrad;

extern "C" {

// Null where memory is short. The program's arrays must outlive the bench.
Bench* subgrad_open(const Program* program, int32_t is_double) {
    try {
        if (is_double) return new BenchOf<double>(*program);
        return new BenchOf<float>(*program);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void subgrad_close(Bench* bench) { delete bench; }

int32_t subgrad_log_width(int32_t layers) { return log_width(layers); }

void subgrad_train(Bench* bench, const Member* member, const Part* part, const int32_t* rows,
                   int64_t count, int32_t batch, const double* rates, double* log) {
    bench->train(*member, *part, rows, count, batch, rates, log);
}

void subgrad_evaluate(Bench* bench, const Member* member, const Part* part, int64_t first,
                      int64_t end, const Found* found) {
    bench->evaluate(*member, *part, first, end, *found);
}
}
