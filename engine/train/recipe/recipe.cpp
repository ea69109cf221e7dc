#include "engine/train/recipe/recipe.hpp"

#include <cmath>
#include <set>

#include "base/toml.hpp"

namespace koinon::engine::train {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::size_t kMaxRecipe = 1 << 20;
constexpr int kMaxNesting = 16;

std::string kind_of(const toml::node& node) {
  if (const auto* s = node.as_string()) return "'" + s->get().substr(0, 60) + "'";
  if (const auto* i = node.as_integer()) return std::to_string(i->get());
  if (const auto* f = node.as_floating_point()) return fmt::format("{}", f->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  return node.is_array() ? "a list" : node.is_table() ? "a table" : "a date";
}

/// One table of the recipe: reads keys by name and remembers them, so that others can be refused. The first error stays.
class Section {
 public:
  Section(const toml::table& table, std::string file, std::string name)
      : table_(table), file_(std::move(file)), name_(std::move(name)) {}

  bool has(const char* key) {
    known_.insert(key);
    return table_.contains(key);
  }
  void number(const char* key, double& to, double low, double high) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto value = node->value<double>();
    if (!value || node->is_boolean() || !(*value >= low && *value <= high))
      return refuse(key, *node, fmt::format("a number from {} to {}", low, high));
    to = *value;
  }
  template <class T>
  void whole(const char* key, T& to, std::int64_t low, std::int64_t high) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < low || value->get() > high)
      return refuse(key, *node, fmt::format("a whole number from {} to {}", low, high));
    to = static_cast<T>(value->get());
  }
  void text(const char* key, std::string& to) {
    const auto* node = find(key);
    if (node == nullptr) return;
    if (!node->is_string()) return refuse(key, *node, "a text");
    to = node->as_string()->get();
  }
  void flag(const char* key, bool& to) {
    const auto* node = find(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) return refuse(key, *node, "true or false");
    to = node->as_boolean()->get();
  }
  template <class T>
  void choice(const char* key, T& to, const std::vector<std::pair<std::string, T>>& values) {
    const auto* node = find(key);
    if (node == nullptr) return;
    std::string known;
    for (const auto& [word, value] : values) {
      if (node->is_string() && node->as_string()->get() == word) {
        to = value;
        return;
      }
      known += (known.empty() ? "" : ", ") + word;
    }
    refuse(key, *node, "one of " + known);
  }
  /// A text or a list of texts.
  void texts(const char* key, std::vector<std::string>& to) {
    const auto* node = find(key);
    if (node == nullptr) return;
    to.clear();
    if (const auto* s = node->as_string()) to.push_back(s->get());
    const auto* list = node->as_array();
    if (to.empty() && list == nullptr) return refuse(key, *node, "a file or a list of files");
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
      if (!(*list)[i].is_string()) return refuse(key, (*list)[i], "a text");
      to.push_back((*list)[i].as_string()->get());
    }
  }
  void sizes(const char* key, Shape& to) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* list = node->as_array();
    if (list == nullptr || list->size() > tensor::kMaxRank) return refuse(key, *node, "a list of sizes");
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto* value = (*list)[i].as_integer();
      if (value == nullptr || value->get() < 1 || value->get() > 16384) return refuse(key, (*list)[i], "1 to 16384");
      to.push_back(value->get());
    }
  }
  const toml::node* find(const char* key) {
    known_.insert(key);
    const auto* node = table_.get(key);
    if (node != nullptr) line_ = node->source().begin.line;
    return node;
  }
  void refuse(const std::string& key, const toml::node& node, const std::string& expected) {
    fail_at(node, fmt::format("{}{} = {}: {} expected", name_, key, kind_of(node), expected));
  }
  void fail_at(const toml::node& node, const std::string& text) {
    if (error_.empty()) error_ = fmt::format("{} line {}: {}", file_, node.source().begin.line, text);
  }
  void fail_here(const std::string& text) {
    if (missing_.empty()) missing_ = fmt::format("{} line {}: {}", file_, table_.source().begin.line, text);
  }
  [[nodiscard]] std::size_t line() const { return line_; }
  [[nodiscard]] const std::string& file() const { return file_; }

  /// The first error, an unknown key for one.
  Status finish() {
    for (const auto& [key, node] : table_)
      if (!known_.contains(std::string(key.str()))) {
        std::string known;
        for (const auto& k : known_) known += (known.empty() ? "" : ", ") + k;
        fail_at(node, fmt::format("unknown key '{}{}'; known are {}", name_, std::string(key.str()).substr(0, 60), known));
      }
    if (error_.empty()) error_ = missing_;
    if (!error_.empty()) return base::fail(Code::invalid_argument, "[recipe] {}", error_);
    return {};
  }

 private:
  const toml::table& table_;
  std::string file_, name_, error_;
  std::string missing_;  ///< told when nothing else is wrong
  std::set<std::string> known_;
  std::size_t line_ = 0;
};

Result<std::vector<Layer>> read_layers(const toml::array& list, Section& section, int depth) {
  std::vector<Layer> out;
  for (const auto& item : list) {
    Layer layer;
    layer.line = item.source().begin.line;
    if (const auto* text = item.as_string()) {
      layer.text = text->get();
    } else if (const auto* branch = item.as_array(); branch != nullptr && depth < kMaxNesting) {
      KOINON_TRY(layer.branch, read_layers(*branch, section, depth + 1));
    }
    if (layer.text.empty() && layer.branch.empty()) section.fail_at(item, "a layer, or a list of layers (a branch), expected");
    out.push_back(std::move(layer));
  }
  return out;
}

Status read_data_section(Recipe& recipe, Section& s) {
  auto& d = recipe.train;
  d.folder = recipe.folder;
  s.text("format", d.format);
  s.texts("train", d.files);
  s.text("target", d.target);
  s.flag("values", d.values);
  s.whole("context", d.context, 1, 65536);
  s.sizes("size", d.size);
  s.whole("channels", d.channels, 1, 3);
  s.number("holdout", recipe.holdout, 0, 0.9);
  if (d.format.empty() || d.files.empty()) s.fail_here("data.format and data.train are needed");
  if (s.has("test")) {
    recipe.test = d;
    s.texts("test", recipe.test->files);
    if (recipe.holdout > 0) s.fail_here("data.test and data.holdout: one of them");
  }
  return s.finish();
}

Status read_model_section(Recipe& recipe, Section& s) {
  s.text("onnx", recipe.onnx);
  recipe.onnx_line = recipe.onnx.empty() ? 0 : s.line();
  s.whole("head", recipe.head, 1, 65536);
  s.flag("freeze", recipe.freeze);
  s.choice<Loss>("loss", recipe.loss, {{"cross_entropy", Loss::cross_entropy}, {"mean_squared", Loss::mean_squared}});
  if (const auto* node = s.find("layers")) {
    if (const auto* list = node->as_array()) {
      KOINON_TRY(recipe.layers, read_layers(*list, s, 0));
    } else {
      s.refuse("layers", *node, "a list of layers");
    }
  }
  if (recipe.layers.empty() == recipe.onnx.empty()) s.fail_here("model.layers or model.onnx is needed, and not both");
  if (recipe.onnx.empty() && recipe.head > 0) s.fail_here("model.head goes with model.onnx");
  if (recipe.freeze && recipe.head == 0) s.fail_here("model.freeze goes with model.head");
  return s.finish();
}

Status read_optimiser_section(Recipe& recipe, Section& s) {
  auto& o = recipe.optimiser;
  s.choice<Method>("method", o.method, {{"sgd", Method::sgd}, {"adamw", Method::adamw}});
  if (o.method == Method::adamw) o.rate = 0.001;
  s.number("rate", o.rate, 0, 1000);
  s.number("momentum", o.momentum, 0, 0.9999);
  s.number("beta1", o.beta1, 0, 0.9999);
  s.number("beta2", o.beta2, 0, 0.999999);
  s.number("epsilon", o.epsilon, 1e-12, 1);
  s.number("decay", o.decay, 0, 1);
  s.number("clip", o.clip, 0, 1e30);
  s.choice<Schedule>("schedule", o.schedule,
                     {{"constant", Schedule::constant}, {"linear", Schedule::linear}, {"cosine", Schedule::cosine}});
  s.whole("warmup", o.warmup, 0, std::int64_t{1} << 40);
  s.number("final_share", o.final_share, 0, 1);
  return s.finish();
}

Result<Recipe> read_tables(const toml::table& table, const std::string& name, const std::filesystem::path& folder) {
  Recipe recipe;
  recipe.folder = folder;
  Section top(table, name, "");
  top.whole("seed", recipe.seed, 0, INT64_MAX);
  top.whole("batch", recipe.batch, 1, 1 << 20);
  top.whole("epochs", recipe.epochs, 1, 1 << 20);
  top.whole("steps", recipe.steps, 1, std::int64_t{1} << 40);
  top.whole("until", recipe.until, 1, std::int64_t{1} << 40);
  top.whole("checkpoint_every", recipe.checkpoint_every, 1, std::int64_t{1} << 40);
  if ((recipe.epochs > 0) == (recipe.steps > 0)) top.fail_here("epochs or steps is needed, and not both");
  using Reader = Status (*)(Recipe&, Section&);
  const std::pair<const char*, Reader> sections[] = {
      {"data", read_data_section}, {"model", read_model_section}, {"optimiser", read_optimiser_section}};
  std::vector<std::pair<const toml::table*, std::pair<const char*, Reader>>> found;
  for (const auto& section : sections) {
    const auto* node = top.find(section.first);
    if (node != nullptr && node->is_table())
      found.emplace_back(node->as_table(), section);
    else if (node != nullptr)
      top.refuse(section.first, *node, "a table");
    else if (std::string_view(section.first) != "optimiser")
      top.fail_here(fmt::format("the table [{}] is missing", section.first));
  }
  KOINON_CHECK(top.finish());
  for (const auto& [inner, section] : found) {
    Section s(*inner, name, std::string(section.first) + ".");
    KOINON_CHECK(section.second(recipe, s));
  }
  return recipe;
}

}  // namespace

Result<Recipe> read_recipe(base::ByteView bytes, const std::string& name, const std::filesystem::path& folder) {
  if (bytes.size() > kMaxRecipe)
    return base::fail(Code::out_of_range, "[recipe] {}: {} bytes: at most {}", name, bytes.size(), kMaxRecipe);
  try {
    return read_tables(toml::parse(base::as_text(bytes), name), name, folder);
  } catch (const toml::parse_error& e) {
    return base::fail(Code::malformed, "[recipe] {} line {}: {}", name, e.source().begin.line, e.description());
  } catch (const std::exception& e) {
    return base::fail(Code::malformed, "[recipe] {}: {}", name, e.what());
  }
}

}  // namespace koinon::engine::train
