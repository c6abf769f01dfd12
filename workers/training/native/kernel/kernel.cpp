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
    virtual void train(const Member* members, const Part& part, const Steps& steps) = 0;
    virtual void evaluate(const Member& member, const Part& part, int64_t first, int64_t end,
                          const Found& found) = 0;
};

template <class T>
class BenchOf final : public Bench {
  public:
    explicit BenchOf(const Program& program)
        : network_(program), trainer_(network_), evaluator_(network_) {}

    void train(const Member* members, const Part& part, const Steps& steps) override {
        for (int64_t k = 0; k < steps.members; k++)
            trainer_.train(members[k], part, steps.rows + k * steps.rows_apart, steps.count,
                           steps.batch, steps.rates + k * steps.rates_apart,
                           steps.log + k * steps.log_apart);
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

void subgrad_train(Bench* bench, const Member* members, const Part* part, const Steps* steps) {
    bench->train(members, *part, *steps);
}

// Panels `first` up to `end` of the part for each of `count` members, who have a `found` each.
void subgrad_evaluate(Bench* bench, const Member* members, int64_t count, const Part* part,
                      int64_t first, int64_t end, const Found* found) {
    for (int64_t k = 0; k < count; k++) bench->evaluate(members[k], *part, first, end, found[k]);
}
}
