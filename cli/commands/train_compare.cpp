#include <bit>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/train/recipe/divergence.hpp"

namespace koinon::cli {
namespace {

using base::Bytes;
using base::Code;
using base::Result;
using base::Status;
using engine::train::StateTrace;
using engine::train::StepRecord;
using nlohmann::json;

std::string bits_of(float value) { return fmt::format("{:.9g} (0x{:08x})", value, std::bit_cast<std::uint32_t>(value)); }

/// Where two runs of one recipe part: traces name the step, records of that step the operator and the element.
class TrainCompare final : public Command {
 public:
  TrainCompare()
      : Command({"train compare", "Find where two runs of a recipe part: the step, the operator, the number",
                 "koinon train compare mine.trace theirs.trace"}) {}

  void options(Line& line) override {
    line.text("first", first_, "A .trace (koinon train --trace, koinon order --train) or a .step (koinon train --record)",
              Need::required)
        .text("second", second_, "Another of the same sort", Need::required);
  }

  Status run(Console& console) override {
    KOINON_TRY(const auto a, base::read_file(first_));
    KOINON_TRY(const auto b, base::read_file(second_));
    if (base::as_text(a).starts_with("KOINONSR")) return compare_steps(console, a, b);
    return compare_traces(console, a, b);
  }

 private:
  template <class T>
  static Result<T> read(const Bytes& bytes, const std::string& file) {
    auto out = T::decode(bytes);
    if (!out) return base::fail(std::move(out).error().within(file));
    return out;
  }

  Status compare_traces(Console& console, const Bytes& first, const Bytes& second) const {
    KOINON_TRY(const auto a, read<StateTrace>(first, first_));
    KOINON_TRY(const auto b, read<StateTrace>(second, second_));
    const bool bound = a.commitment != base::Hash{} && b.commitment != base::Hash{};
    if (bound && a.commitment != b.commitment)
      return base::fail(Code::invalid_argument, "[train compare] the runs have other recipes, data or seeds: {} and {}",
                        base::to_hex(a.commitment), base::to_hex(b.commitment));
    if (a.from != b.from)
      return base::fail(Code::invalid_argument, "[train compare] the traces begin at steps {} and {}", a.from, b.from);
    std::size_t compared = 0;
    const auto found = engine::train::first_divergent_step(a.states, b.states, &compared);
    if (!found) {
      console.print(fmt::format("equal: {} steps, every state root\n", a.states.size()));
      console.object({{"equal", true}, {"steps", a.states.size()}});
      return {};
    }
    const auto step = a.from + *found;
    console.print(fmt::format(
        "step {0} is the first that differs, found by {1} comparisons of roots; before it the states are equal, bit for bit\n"
        "Which operator: koinon train RECIPE --record {0} -o mine, the same there, and compare the two .step files\n",
        step, compared));
    console.object({{"equal", false}, {"step", step}, {"compared", compared}});
    return {};
  }

  Status compare_steps(Console& console, const Bytes& first, const Bytes& second) const {
    KOINON_TRY(const auto a, read<StepRecord>(first, first_));
    KOINON_TRY(const auto b, read<StepRecord>(second, second_));
    KOINON_TRY(const auto found, engine::train::first_difference(a, b));
    if (!found) {
      console.print(fmt::format("equal: step {}, all of its {} arrays\n", a.step, a.entries.size()));
      console.object({{"equal", true}, {"step", a.step}, {"entries", a.entries.size()}});
      return {};
    }
    console.print(fmt::format(
        "step {}: the first difference is in the {}\nelement {} of {}: {} against {}\nthe {} arrays "
        "before it are equal, bit for bit\n",
        a.step, clean(found->name, 200), found->element, found->elements, bits_of(found->a), bits_of(found->b), found->entry));
    console.object({{"equal", false},
                    {"step", a.step},
                    {"operation", clean(found->name, 200)},
                    {"element", found->element},
                    {"first", bits_of(found->a)},
                    {"second", bits_of(found->b)},
                    {"entries_equal", found->entry}});
    return {};
  }

  std::string first_, second_;
};

}  // namespace

std::unique_ptr<Command> make_train_compare() { return std::make_unique<TrainCompare>(); }

}  // namespace koinon::cli
