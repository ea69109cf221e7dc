#include "engine/train/recipe/run.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/codec.hpp"
#include "base/merkle.hpp"
#include "engine/train/arith/generator.hpp"
#include "engine/train/recipe/import_net.hpp"

namespace koinon::engine::train {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::string_view kMagic = "KOINONCP";
constexpr std::uint32_t kVersion = 1;

/// Errors: what of net and data does not fit.
Status check_fit(const Recipe& recipe, const Net& net, const DataSet& data) {
  const auto& output = net.graph.value(net.output).shape;
  const auto line = recipe.layers.empty() ? recipe.onnx_line : recipe.layers.back().line;
  if (recipe.loss == Loss::cross_entropy) {
    if (data.classes < 2)
      return base::fail(Code::invalid_argument, "[train] {} classes in the data: at least 2 for cross_entropy", data.classes);
    if (output.back() < data.classes)
      return base::fail(Code::invalid_argument, "[train] line {}: the net gives {} classes: the data has {}", line,
                        output.back(), data.classes);
  } else if (data.classes > 0) {
    return base::fail(Code::invalid_argument, "[train] the data has classes: values = true expected for mean_squared");
  }
  auto target = net.graph.value(net.target).shape;
  target.erase(target.begin());
  const bool single = target == Shape{1} && data.target.empty();
  if (target != data.target && !single)
    return base::fail(Code::invalid_argument,
                      "[train] line {}: the net gives {}, whose targets have the shape {}: the data's have {}", line,
                      tensor::shape_text(output), tensor::shape_text(target), tensor::shape_text(data.target));
  return {};
}

/// Words of an embedding that reads the input must be in its table.
Status check_words(const Net& net, const DataSet& data) {
  for (const auto& node : net.graph.nodes()) {
    if (node.op->name() != "embedding" || node.inputs[0] != net.input) continue;
    const auto words = net.graph.value(node.inputs[1]).shape[0];
    if (data.kind == DataSet::Kind::text && data.classes > words)
      return base::fail(Code::invalid_argument, "[train] the text has {} different tokens: the embedding has {}", data.classes,
                        words);
    for (std::size_t i = 0; data.kind == DataSet::Kind::numbers && i < data.numbers.size(); ++i)
      if (const float v = data.numbers[i]; !(v >= 0 && v < static_cast<float>(words) && v == std::floor(v)))
        return base::fail(Code::invalid_argument, "[train] sample {}: {} is no word of the embedding, 0 to {}",
                          i / static_cast<std::size_t>(tensor::element_count(data.sample)), v, words - 1);
    if (data.kind == DataSet::Kind::pictures)
      return base::fail(Code::invalid_argument, "[train] an embedding reads whole numbers; the data are pictures");
  }
  return {};
}

/// Of floats as bytes.
bool all_finite(base::ByteView floats) {
  for (; floats.size() >= sizeof(float); floats = floats.subspan(sizeof(float))) {
    float value = 0;
    std::memcpy(&value, floats.data(), sizeof value);
    if (!std::isfinite(value)) return false;
  }
  return true;
}

Status check_same(const DataSet& a, const DataSet& b) {
  if (a.sample == b.sample && a.target == b.target && a.kind == b.kind && b.classes <= a.classes && b.count > 0) return {};
  return base::fail(Code::invalid_argument, "[train] the test data has samples of {} and {} classes: {} and {} expected",
                    tensor::shape_text(b.sample), b.classes, tensor::shape_text(a.sample), a.classes);
}

}  // namespace

Result<std::unique_ptr<Run>> Run::make(const Recipe& recipe, const DataSet& data, const Machine& machine,
                                       base::ByteView model) {
  if (data.count < static_cast<std::size_t>(recipe.batch) || data.count > INT32_MAX)
    return base::fail(Code::invalid_argument, "[train] batch {}: the data has {} samples", recipe.batch, data.count);
  KOINON_CHECK(recipe.optimiser.check());
  auto net = recipe.onnx.empty() ? build_net({data.sample, recipe.layers, recipe.loss, recipe.most_elements}, recipe.batch)
             : model.empty()     ? import_net(recipe, data.sample)
                                 : import_net(model, recipe.onnx, recipe, data.sample);
  if (!net) return base::fail(std::move(net).error());
  KOINON_CHECK(check_words(*net, data));
  KOINON_CHECK(check_fit(recipe, *net, data));
  if (recipe.onnx.empty()) initialise(net->graph, recipe.seed);
  return std::unique_ptr<Run>(new Run(*std::move(net), recipe, data, machine));
}

Run::Run(Net net, const Recipe& recipe, const DataSet& data, const Machine& machine)
    : net_(std::move(net)),
      options_(recipe.optimiser),
      data_(data),
      machine_(machine),
      seed_(recipe.seed),
      epoch_(data.count / static_cast<std::uint64_t>(recipe.batch)),
      steps_(recipe.steps > 0 ? recipe.steps : recipe.epochs * epoch_),
      batch_(static_cast<std::size_t>(recipe.batch)),
      loss_(recipe.loss),
      optimiser_(net_.graph, [&] {
        options_.steps = steps_;
        return options_;
      }()) {
  base::Writer to;
  to.text("koinon.training.recipe");
  to.raw(net_.graph.description_root().view());
  to.raw(state().view());
  to.blob(options_.encode());
  to.number(static_cast<std::uint64_t>(batch_));
  to.number(seed_);
  to.number(steps_);
  to.number(static_cast<std::uint8_t>(loss_));
  to.raw(data.root().view());
  commitment_ = base::keccak256(to.bytes());
}

void Run::load(const DataSet& data, const std::uint32_t* samples, std::size_t count) {
  const auto input = static_cast<std::size_t>(tensor::element_count(data.sample));
  const auto target = static_cast<std::size_t>(tensor::element_count(data.target));
  float* x = net_.graph.value(net_.input).data.data();
  float* y = net_.graph.value(net_.target).data.data();
  for (std::size_t i = 0; i < batch_; ++i)  // a batch that is not full repeats its last sample
    data.take(samples[std::min(i, count - 1)], x + i * input, y + i * target);
}

Result<float> Run::step(Tap* tap) {
  const auto epoch = done_ / epoch_;
  if (epoch != order_of_) {
    order_ = permutation(Generator(seed_, Stream::order, epoch), static_cast<std::uint32_t>(data_.count));
    order_of_ = epoch;
  }
  load(data_, order_.data() + done_ % epoch_ * batch_, batch_);
  auto with = pass(true);
  with.tap = tap;
  net_.graph.forward(with);
  const float loss = net_.graph.value(net_.loss).data[0];
  if (!std::isfinite(loss))
    return base::fail(Code::out_of_range, "[train] step {}: the loss is {}: a smaller rate, or clip, helps", done_, loss);
  net_.graph.backward(with, net_.loss);
  optimiser_.take(machine_, done_);
  ++done_;
  losses_.push_back(loss);
  return loss;
}

base::Hash Run::gradients_root() const {
  std::vector<base::Hash> roots;
  for (const auto id : net_.graph.with_role(Role::parameter))
    roots.push_back(base::byte_tree_root(base::Domain::tensor, canonical_bytes(net_.graph.value(id).gradient)));
  return base::list_root(base::Domain::tensor, roots);
}

Result<std::vector<float>> Run::outputs(const DataSet& data, std::size_t index) {
  KOINON_CHECK(check_same(data_, data));
  const auto sample = static_cast<std::uint32_t>(std::min(index, data.count - 1));
  load(data, &sample, 1);
  net_.graph.forward(pass(false), net_.graph.nodes().size() - 1);
  const auto& out = net_.graph.value(net_.output).data;
  return std::vector<float>(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(out.size() / batch_));
}

Result<Score> Run::evaluate(const DataSet& data) {
  KOINON_CHECK(check_same(data_, data));
  const auto& l = lanes(machine_);
  const auto& out = net_.graph.value(net_.output);
  const auto& target = net_.graph.value(net_.target).data;
  const auto rows_each = target.size() / batch_, width = out.data.size() / target.size();
  std::vector<std::uint32_t> samples(batch_);
  std::vector<float> shares(width);
  Score score;
  double right = 0, rows = 0;
  for (std::size_t first = 0; first < data.count; first += batch_) {
    const auto count = std::min(batch_, data.count - first);
    for (std::size_t i = 0; i < count; ++i) samples[i] = static_cast<std::uint32_t>(first + i);
    load(data, samples.data(), count);
    net_.graph.forward(pass(false), net_.graph.nodes().size() - 1);
    for (std::size_t r = 0; r < count * rows_each; ++r, ++rows) {
      const float* x = out.data.data() + r * width;
      if (loss_ == Loss::mean_squared) {
        const double d = static_cast<double>(x[0]) - static_cast<double>(target[r]);
        score.loss += d * d;
        continue;
      }
      const auto label = static_cast<std::size_t>(target[r]);
      score.loss += static_cast<double>(l.softmax(static_cast<std::int64_t>(width), x, shares.data()) - x[label]);
      right += std::max_element(x, x + width) - x == static_cast<std::ptrdiff_t>(label) ? 1 : 0;
    }
  }
  score.samples = data.count;
  score.loss /= rows;
  score.right = right / rows;
  return score;
}

std::vector<std::vector<float>*> Run::arrays() {
  std::vector<std::vector<float>*> out;
  for (int i = 0; i < net_.graph.size(); ++i)
    if (const auto role = net_.graph.value(i).role; role == Role::parameter || role == Role::buffer)
      out.push_back(&net_.graph.value(i).data);
  for (auto& s : optimiser_.state()) out.push_back(&s);
  return out;
}

std::vector<const std::vector<float>*> Run::arrays() const {
  const auto all = const_cast<Run*>(this)->arrays();
  return {all.begin(), all.end()};
}

// A checkpoint, little-endian:
//
//   "KOINONCP" | u32 version | commitment 32 | u64 steps done | f32 loss of each step | u32 arrays
//   | for each array: u64 elements | f32 each | keccak256 of all before
//
// Every NaN is 0x7fc00000 in it.
base::Bytes Run::checkpoint() const {
  base::Writer to;
  const auto floats = [&](const std::vector<float>& v) { to.raw(canonical_bytes(v)); };
  to.raw(base::as_bytes(kMagic));
  to.number(kVersion);
  to.raw(commitment_.view());
  to.number(done_);
  floats(losses_);
  const auto all = arrays();
  to.number(static_cast<std::uint32_t>(all.size()));
  for (const auto* a : all) {
    to.number(static_cast<std::uint64_t>(a->size()));
    floats(*a);
  }
  const auto seal = base::keccak256(to.bytes());
  to.raw(seal.view());
  return std::move(to).take();
}

Status Run::restore(base::ByteView bytes) {
  const auto broken = [](std::string_view what) { return base::fail(Code::malformed, "[checkpoint] {}", what); };
  if (bytes.size() < 32 || base::keccak256(bytes.first(bytes.size() - 32)) != base::fixed<32>(bytes.last(32)))
    return broken("cut off or changed: its checksum is wrong");
  base::Reader from(bytes.first(bytes.size() - 32));
  KOINON_TRY(const auto magic, from.raw(kMagic.size()));
  KOINON_TRY(const auto version, from.number<std::uint32_t>());
  if (base::as_text(magic) != kMagic || version != kVersion) return broken("no checkpoint of this version");
  KOINON_TRY(const auto commitment, from.fixed_bytes<32>());
  if (commitment != commitment_)
    return base::fail(Code::conflict, "[checkpoint] is of another run: recipe or data have changed since");
  KOINON_TRY(const auto done, from.number<std::uint64_t>());
  if (done > steps_ || from.left() / sizeof(float) < done) return broken("more steps than the run has");
  KOINON_TRY(const auto losses, from.raw(static_cast<std::size_t>(done) * sizeof(float)));
  KOINON_TRY(const auto count, from.number<std::uint32_t>());
  const auto mine = arrays();
  if (count != mine.size()) return broken("another number of arrays");
  std::vector<base::ByteView> parts;
  for (const auto* a : mine) {
    KOINON_TRY(const auto size, from.number<std::uint64_t>());
    if (size != a->size()) return broken("an array of another size");
    KOINON_TRY(const auto part, from.raw(a->size() * sizeof(float)));
    parts.push_back(part);
  }
  KOINON_CHECK(from.finish());
  if (!all_finite(losses) || !std::ranges::all_of(parts, all_finite))
    return broken("a loss or a number of its arrays is infinite or no number: no run goes on from there");
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].empty()) std::memcpy(mine[i]->data(), parts[i].data(), parts[i].size());
  losses_.resize(static_cast<std::size_t>(done));
  if (done > 0) std::memcpy(losses_.data(), losses.data(), losses.size());
  done_ = done;
  return {};
}

}  // namespace koinon::engine::train
