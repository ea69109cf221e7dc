#include "engine/train/net/layers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "engine/train/arith/generator.hpp"

namespace koinon::engine::train {
namespace {

using base::Code;
using base::Result;
using base::Status;

/// The words of a layer: its name, numbers in order, options and flags.
struct Words {
  std::string name;
  std::vector<double> numbers;
  std::map<std::string, double> options;
  std::vector<std::string> flags;
};

std::string place(const Layer& layer) {
  return layer.line > 0 ? fmt::format("line {}: layer '{}'", layer.line, layer.text) : fmt::format("layer '{}'", layer.text);
}

bool read_number(std::string_view text, double& to) {
  const auto* end = text.data() + text.size();
  return !text.empty() && std::from_chars(text.data(), end, to).ptr == end && std::isfinite(to);
}

Result<Words> split(const Layer& layer) {
  Words out;
  for (std::size_t at = 0; at < layer.text.size();) {
    const auto begin = layer.text.find_first_not_of(" \t", at);
    if (begin == std::string::npos) break;
    const auto end = std::min(layer.text.find_first_of(" \t", begin), layer.text.size());
    const auto word = layer.text.substr(begin, end - begin);
    at = end;
    double number = 0;
    const auto equals = word.find('=');
    if (out.name.empty()) {
      out.name = word;
    } else if (equals != std::string::npos) {
      if (!read_number(std::string_view(word).substr(equals + 1), number))
        return base::fail(Code::invalid_argument, "[train] {}: '{}': a number expected behind =", place(layer), word);
      out.options[word.substr(0, equals)] = number;
    } else if (read_number(word, number)) {
      out.numbers.push_back(number);
    } else {
      out.flags.push_back(word);
    }
  }
  return out;
}

/// What a layer takes: so many numbers, and these options and flags.
struct Form {
  std::size_t numbers;
  std::vector<std::string> options, flags;
  std::string usage;
};

const std::map<std::string, Form>& forms() {
  static const std::map<std::string, Form> all = {
      {"linear", {1, {}, {"no_bias"}, "linear N [no_bias]"}},
      {"conv", {2, {"stride", "pad", "groups"}, {"no_bias"}, "conv N KERNEL [stride=1] [pad=0] [groups=1] [no_bias]"}},
      {"max_pool", {1, {"stride", "pad"}, {}, "max_pool KERNEL [stride=KERNEL] [pad=0]"}},
      {"average_pool", {1, {"stride"}, {}, "average_pool KERNEL [stride=KERNEL]"}},
      {"global_average", {0, {}, {}, "global_average"}},
      {"relu", {0, {}, {}, "relu"}},
      {"gelu", {0, {}, {}, "gelu"}},
      {"silu", {0, {}, {}, "silu"}},
      {"tanh", {0, {}, {}, "tanh"}},
      {"sigmoid", {0, {}, {}, "sigmoid"}},
      {"dropout", {1, {}, {}, "dropout SHARE"}},
      {"flatten", {0, {}, {}, "flatten"}},
      {"batch_norm", {0, {}, {}, "batch_norm"}},
      {"layer_norm", {0, {}, {}, "layer_norm"}},
      {"embedding", {2, {}, {}, "embedding WORDS WIDTH"}},
      {"positions", {0, {}, {}, "positions"}},
      {"attention", {1, {}, {"causal"}, "attention HEADS [causal]"}},
      {"mean_tokens", {0, {}, {}, "mean_tokens"}}};
  return all;
}

Status check_form(const Layer& layer, const Words& words) {
  const auto form = forms().find(words.name);
  if (form == forms().end()) {
    std::string known;
    for (const auto& [name, f] : forms()) known += (known.empty() ? "" : ", ") + name;
    return base::fail(Code::invalid_argument, "[train] {}: unknown; one of {} expected", place(layer), known);
  }
  const auto& f = form->second;
  bool fits = words.numbers.size() == f.numbers;
  for (const auto& [key, value] : words.options)
    fits = fits && std::find(f.options.begin(), f.options.end(), key) != f.options.end() && value >= 0 && value <= 4096;
  for (const auto& flag : words.flags) fits = fits && std::find(f.flags.begin(), f.flags.end(), flag) != f.flags.end();
  for (auto n : words.numbers)
    fits = fits && (words.name == "dropout" ? n >= 0 && n < 1 : n >= 1 && n <= 16777216 && n == std::floor(n));
  if (!fits) return base::fail(Code::invalid_argument, "[train] {}: {} expected", place(layer), f.usage);
  return {};
}

std::int64_t whole(double value) { return static_cast<std::int64_t>(value); }

class Builder {
 public:
  Builder(Graph& graph) : g_(graph) {}

  Result<int> layers(const std::vector<Layer>& all, int x, const std::string& prefix) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (++count_ > kMaxLayers) return base::fail(Code::exhausted, "[train] more than {} layers", kMaxLayers);
      const auto name = prefix + std::to_string(i);
      auto made = all[i].branch.empty() ? layer(all[i], x, name) : residual(all[i], x, name);
      if (!made) return made;
      x = *made;
    }
    return x;
  }

 private:
  const Shape& shape(int id) { return g_.value(id).shape; }

  /// Errors of shapes become errors of the layer.
  Result<int> add(const Layer& layer, std::unique_ptr<Op> op, std::vector<int> inputs) {
    auto out = g_.add(std::move(op), std::move(inputs));
    if (!out) return base::fail(std::move(out).error().within("[train] " + place(layer)));
    return out;
  }

  Result<int> parameter(const Layer& layer, const std::string& name, Shape size, bool trained = true) {
    if (auto ok = g_.room(size); !ok) return base::fail(std::move(ok).error().within("[train] " + place(layer)));
    return g_.parameter(name, std::move(size), trained);
  }

  Result<int> linear(const Layer& layer, int x, std::int64_t width, bool bias, const std::string& name) {
    KOINON_TRY(const auto w, parameter(layer, name + ".weight", {width, shape(x).back()}));
    if (!bias) return add(layer, make_linear(), {x, w});
    KOINON_TRY(const auto b, parameter(layer, name + ".bias", {width}));
    return add(layer, make_linear(), {x, w, b});
  }

  struct ConvSizes {
    std::int64_t out, kernel;
    Window window;
    std::int64_t groups;
    bool bias;
  };
  Result<int> conv(const Layer& layer, int x, const ConvSizes& s, const std::string& name) {
    if (shape(x).size() != 4 || s.groups < 1 || shape(x)[1] % s.groups != 0)
      return base::fail(Code::invalid_argument, "[train] {}: input {}: channels, height and width expected", place(layer),
                        tensor::shape_text(shape(x)));
    KOINON_TRY(const auto w, parameter(layer, name + ".weight", {s.out, shape(x)[1] / s.groups, s.kernel, s.kernel}));
    if (!s.bias) return add(layer, make_conv(s.window, s.groups), {x, w});
    KOINON_TRY(const auto b, parameter(layer, name + ".bias", {s.out}));
    return add(layer, make_conv(s.window, s.groups), {x, w, b});
  }

  Result<int> batch_norm(const Layer& layer, int x, const std::string& name) {
    if (shape(x).size() < 2) return base::fail(Code::invalid_argument, "[train] {}: channels expected", place(layer));
    const Shape each{shape(x)[1]};
    KOINON_TRY(const auto gain, parameter(layer, name + ".gain", each));
    KOINON_TRY(const auto bias, parameter(layer, name + ".bias", each));
    KOINON_TRY(const auto mean, parameter(layer, name + ".mean", each, false));
    KOINON_TRY(const auto variance, parameter(layer, name + ".variance", each, false));
    return add(layer, make_batch_norm(1e-5, 0.1), {x, gain, bias, mean, variance});
  }

  Result<int> attention(const Layer& layer, int x, std::int64_t heads, bool causal, const std::string& name) {
    if (shape(x).size() != 3 || shape(x)[2] % heads != 0)
      return base::fail(Code::invalid_argument,
                        "[train] {}: input {}: [n, tokens, width], width a multiple of the heads, expected", place(layer),
                        tensor::shape_text(shape(x)));
    const auto width = shape(x)[2];
    KOINON_TRY(const auto all, linear(layer, x, 3 * width, true, name + ".qkv"));
    KOINON_TRY(const auto seen, add(layer, make_attention(heads, causal), {all}));
    return linear(layer, seen, width, true, name + ".out");
  }

  Result<int> layer(const Layer& layer, int x, const std::string& prefix) {
    KOINON_TRY(const auto words, split(layer));
    KOINON_CHECK(check_form(layer, words));
    const auto& [word, numbers, options, flags] = words;
    const auto name = prefix + "." + word;
    const auto option = [&, &given = options](const std::string& key, std::int64_t otherwise) {
      const auto at = given.find(key);
      return at == given.end() ? otherwise : whole(at->second);
    };
    const bool bias = flags.empty();  // the only flag of those that have a bias is no_bias
    if (word == "linear") return linear(layer, x, whole(numbers[0]), bias, name);
    if (word == "conv") {
      const auto kernel = whole(numbers[1]);
      return conv(
          layer, x,
          {whole(numbers[0]), kernel, {kernel, kernel, option("stride", 1), option("pad", 0)}, option("groups", 1), bias},
          name);
    }
    if (word == "max_pool" || word == "average_pool") {
      const auto kernel = whole(numbers[0]);
      const Window window{kernel, kernel, option("stride", kernel), option("pad", 0)};
      return add(layer, word == "max_pool" ? make_max_pool(window) : make_average_pool(window), {x});
    }
    if (word == "batch_norm") return batch_norm(layer, x, name);
    if (word == "attention") return attention(layer, x, whole(numbers[0]), !flags.empty(), name);
    return small(layer, words, x, name);
  }

  Result<int> small(const Layer& layer, const Words& words, int x, const std::string& name) {
    const auto& word = words.name;
    if (word == "global_average") return add(layer, make_global_average(), {x});
    if (word == "mean_tokens") return add(layer, make_mean_tokens(), {x});
    if (word == "flatten") {
      std::int64_t rest = 1;
      for (std::size_t i = 1; i < shape(x).size(); ++i) rest *= shape(x)[i];
      return add(layer, make_reshape({0, rest}), {x});
    }
    if (word == "dropout") return add(layer, make_dropout(words.numbers[0], ++dropouts_), {x});
    if (word == "layer_norm") {
      KOINON_TRY(const auto gain, parameter(layer, name + ".gain", {shape(x).back()}));
      KOINON_TRY(const auto norm_bias, parameter(layer, name + ".bias", {shape(x).back()}));
      return add(layer, make_layer_norm(1e-5), {x, gain, norm_bias});
    }
    if (word == "embedding") {
      KOINON_TRY(const auto table, parameter(layer, name + ".table", {whole(words.numbers[0]), whole(words.numbers[1])}));
      return add(layer, make_embedding(), {x, table});
    }
    if (word == "positions") {
      if (shape(x).size() != 3)
        return base::fail(Code::invalid_argument, "[train] {}: [n, tokens, width] expected", place(layer));
      KOINON_TRY(const auto table, parameter(layer, name + ".table", {shape(x)[1], shape(x)[2]}));
      return add(layer, make_add(), {x, table});
    }
    return add(layer, make_activation(word), {x});
  }

  Result<int> residual(const Layer& layer, int x, const std::string& name) {
    KOINON_TRY(const auto y, layers(layer.branch, x, name + "."));
    if (shape(y) == shape(x)) return add(layer, make_add(), {y, x});
    const auto &from = shape(x), &to = shape(y);
    const bool pictures = from.size() == 4 && to.size() == 4 && to[2] > 0 && from[2] / to[2] >= 1;
    if (!pictures)
      return base::fail(Code::invalid_argument, "[train] line {}: a branch makes {} of {}: the same shape expected", layer.line,
                        tensor::shape_text(to), tensor::shape_text(from));
    const auto stride = (from[2] + to[2] - 1) / to[2];
    const Layer beside{"(beside the branch) conv " + std::to_string(to[1]) + " 1", {}, layer.line};
    KOINON_TRY(const auto z, conv(beside, x, {to[1], 1, {1, 1, stride, 0}, 1, false}, name + ".beside"));
    KOINON_TRY(const auto normal, batch_norm(beside, z, name + ".beside"));
    return add(layer, make_add(), {y, normal});
  }

  Graph& g_;
  std::size_t count_ = 0;
  std::uint32_t dropouts_ = 0;
};

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Result<Net> build_net(const NetSpec& spec, std::int64_t batch) {
  Net net;
  net.graph.limit(spec.most_elements);
  auto sample = spec.sample;
  sample.insert(sample.begin(), batch);
  KOINON_CHECK(net.graph.room(sample));
  net.input = net.graph.input("input", sample);
  KOINON_TRY(net.output, Builder(net.graph).layers(spec.layers, net.input, ""));
  auto target = net.graph.value(net.output).shape;
  if (spec.loss == Loss::cross_entropy) target.pop_back();
  KOINON_CHECK(net.graph.room(target));
  net.target = net.graph.input("target", target);
  KOINON_TRY(net.loss, net.graph.add(spec.loss == Loss::cross_entropy ? make_cross_entropy() : make_mean_squared(),
                                     {net.output, net.target}));
  if (net.graph.with_role(Role::parameter).empty())
    return base::fail(Code::invalid_argument, "[train] the net has nothing to train: a layer such as 'linear 10' expected");
  return net;
}

void initialise(Graph& graph, std::uint64_t seed) {
  for (int id = 0; id < graph.size(); ++id) {
    auto& v = graph.value(id);
    if (v.role != Role::parameter && v.role != Role::buffer) continue;
    const Generator random(seed, Stream::weights, static_cast<std::uint64_t>(id));
    double bound = 0;
    if (ends_with(v.name, ".weight"))
      bound = std::sqrt(3.0 * static_cast<double>(v.shape[0]) / static_cast<double>(v.data.size()));
    if (ends_with(v.name, ".table")) bound = std::sqrt(3.0) * 0.02;
    const bool one = ends_with(v.name, ".gain") || ends_with(v.name, ".variance");
    const auto wide = static_cast<float>(2.0 * bound), low = static_cast<float>(-bound);
    for (std::size_t i = 0; i < v.data.size(); ++i)
      v.data[i] = bound > 0 ? std::fma(random.uniform(i), wide, low) : one ? 1.0F : 0.0F;
  }
}

}  // namespace koinon::engine::train
