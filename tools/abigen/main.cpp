// Writes typed C++ bindings of one contract: abigen ARTIFACT.json OUT_FOLDER
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.hpp"
#include "ledger/abi.hpp"

namespace koinon::abigen {

using base::fail;
using base::Result;
using base::Status;
using ledger::abi::Entry;
using ledger::abi::Kind;
using ledger::abi::Type;

/// getOrder -> get_order, IWorkMarket -> iwork_market.
std::string snake(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    const bool after_lower = i > 0 && (std::islower(static_cast<unsigned char>(name[i - 1])) ||
                                       std::isdigit(static_cast<unsigned char>(name[i - 1])));
    if (std::isupper(c) && after_lower) out += '_';
    out += static_cast<char>(std::tolower(c));
  }
  return out;
}

std::string camel(std::string_view name) {
  std::string out(name);
  if (!out.empty()) out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

/// A name that C++ does not keep for itself.
std::string safe(std::string name, std::size_t index) {
  static const std::set<std::string> kTaken = {
      "operator", "default",  "delete", "new",  "class",    "register",  "template", "this",   "union",  "private",
      "public",   "virtual",  "and",    "or",   "not",      "xor",       "auto",     "int",    "bool",   "export",
      "signed",   "unsigned", "short",  "long", "typename", "namespace", "using",    "static", "struct", "value",
      "from",     "log",      "abi",    "tag",  "topic",    "decode",    "address",  "rpc"};
  while (!name.empty() && name[0] == '_') name.erase(0, 1);
  if (name.empty()) return fmt::format("arg{}", index);
  auto out = snake(name);
  return kTaken.contains(out) ? out + "_" : out;
}

class Generator {
 public:
  Generator(std::string name, std::vector<Entry> entries, std::string abi, std::string bytecode)
      : name_(std::move(name)), entries_(std::move(entries)), abi_(std::move(abi)), bytecode_(std::move(bytecode)) {}

  Status run() {
    for (const auto& entry : entries_) {
      for (const auto* tuple : {&entry.inputs, &entry.outputs})
        for (const auto& part : tuple->parts) {
          KOINON_CHECK(add_struct(part, entry.name));
        }
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const auto& entry = entries_[i];
      if (entry.kind == "event") write_event(entry, i);
      if (entry.kind == "function") write_function(entry, i);
      if (entry.kind == "constructor") write_constructor(entry, i);
    }
    return {};
  }

  [[nodiscard]] std::string header() const;
  [[nodiscard]] std::string source() const;

 private:
  struct Field {
    std::string name;
    const Type* type;
  };

  static std::vector<Field> fields(const Type& tuple) {
    std::vector<Field> out;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < tuple.parts.size(); ++i) {
      auto name = safe(tuple.parts[i].name, i);
      while (!seen.insert(name).second) name += "_";
      out.push_back({name, &tuple.parts[i]});
    }
    return out;
  }

  static std::string struct_name(const Type& type, std::string_view hint) {
    auto name = type.internal;
    if (const auto at = name.rfind(' '); at != std::string::npos) name = name.substr(at + 1);
    if (const auto at = name.rfind('.'); at != std::string::npos) name = name.substr(at + 1);
    name = name.substr(0, name.find('['));
    return name.empty() || name == "tuple" ? camel(hint) + camel(type.name) + "Tuple" : name;
  }

  Status add_struct(const Type& type, const std::string& hint) {
    if (type.kind == Kind::fixed_bytes && type.size == 20)
      return fail(base::Code::unsupported, "[abigen] bytes20 has no C++ type here");
    if (type.kind == Kind::array) {
      auto element = type.parts[0];
      element.internal = type.internal;
      element.name = type.name;
      return add_struct(element, hint);
    }
    if (type.kind != Kind::tuple) return {};
    for (const auto& part : type.parts) {
      KOINON_CHECK(add_struct(part, hint + camel(type.name)));
    }
    const auto name = struct_name(type, hint);
    const auto [at, is_new] = structs_.emplace(name, type.text());
    if (!is_new && at->second != type.text()) return fail(base::Code::conflict, "[abigen] two structs named {}", name);
    hints_[type.text()] = name;
    if (is_new) write_struct(name, type);
    return {};
  }

  // The C++ type, and expressions from and to an abi::Value.
  [[nodiscard]] std::string cpp(const Type& type) const {
    switch (type.kind) {
      case Kind::number: return type.size > 64 ? "base::Wei" : fmt::format("std::uint{}_t", width(type.size));
      case Kind::signed_number: return type.size > 64 ? "base::Hash" : fmt::format("std::int{}_t", width(type.size));
      case Kind::boolean: return "bool";
      case Kind::address: return "base::Address";
      case Kind::fixed_bytes: return type.size == 32 ? "base::Hash" : fmt::format("base::FixedBytes<{}>", type.size);
      case Kind::bytes: return "base::Bytes";
      case Kind::string: return "std::string";
      case Kind::array: return fmt::format("std::vector<{}>", cpp(type.parts[0]));
      case Kind::tuple: return tuple_name(type);
    }
    return {};
  }
  [[nodiscard]] std::string tuple_name(const Type& type) const {
    const auto name = struct_name(type, "");
    const auto at = structs_.find(name);
    return at != structs_.end() && at->second == type.text() ? name : hints_.at(type.text());
  }
  static std::size_t width(std::size_t bits) { return bits <= 8 ? 8 : bits <= 16 ? 16 : bits <= 32 ? 32 : 64; }
  static bool by_value(const Type& type) {
    return type.kind == Kind::boolean || ((type.kind == Kind::number || type.kind == Kind::signed_number) && type.size <= 64);
  }

  [[nodiscard]] std::string to_value(const Type& type, const std::string& x, int depth = 0) const {
    switch (type.kind) {
      case Kind::number:
        return type.size > 64 ? fmt::format("abi::value_of({})", x) : fmt::format("abi::value_of(std::uint64_t{{{}}})", x);
      case Kind::signed_number:
        return type.size > 64 ? fmt::format("abi::value_of({})", x) : fmt::format("abi::value_of(std::int64_t{{{}}})", x);
      case Kind::string: return fmt::format("abi::value_of(std::string_view({}))", x);
      case Kind::array: {
        const auto item = fmt::format("i{}", depth);
        return fmt::format("list_value({}, [](const {}& {}) {{ return {}; }})", x, cpp(type.parts[0]), item,
                           to_value(type.parts[0], item, depth + 1));
      }
      case Kind::tuple: return x + ".value()";
      default: return fmt::format("abi::value_of({})", x);
    }
  }
  [[nodiscard]] std::string from_value(const Type& type, const std::string& x, int depth = 0) const {
    switch (type.kind) {
      case Kind::number:
        return type.size > 64 ? fmt::format("abi::to_wei({})", x)
                              : fmt::format("static_cast<{}>(abi::to_u64({}))", cpp(type), x);
      case Kind::signed_number:
        return type.size > 64 ? fmt::format("abi::to_fixed<32>({})", x)
                              : fmt::format("static_cast<{}>(abi::to_i64({}))", cpp(type), x);
      case Kind::boolean: return fmt::format("abi::to_bool({})", x);
      case Kind::address: return fmt::format("abi::to_address({})", x);
      case Kind::fixed_bytes: return fmt::format("abi::to_fixed<{}>({})", type.size, x);
      case Kind::bytes: return x + ".data";
      case Kind::string: return fmt::format("abi::to_text({})", x);
      case Kind::array: {
        const auto item = fmt::format("i{}", depth);
        return fmt::format("read_list<{}>({}, [](const abi::Value& {}) {{ return {}; }})", cpp(type.parts[0]), x, item,
                           from_value(type.parts[0], item, depth + 1));
      }
      case Kind::tuple: return fmt::format("{}::from({})", tuple_name(type), x);
    }
    return {};
  }

  void write_struct(const std::string& name, const Type& type) {
    header_ += fmt::format("  struct {} {{\n", name);
    std::string reads;
    std::string writes;
    std::size_t i = 0;
    for (const auto& field : fields(type)) {
      header_ += fmt::format("    {} {}{{}};\n", cpp(*field.type), field.name);
      reads += fmt::format("  out.{} = {};\n", field.name, from_value(*field.type, fmt::format("v.items[{}]", i++)));
      writes += fmt::format("  out.items.push_back({});\n", to_value(*field.type, field.name));
    }
    header_ += fmt::format("    static {} from(const abi::Value& v);\n    [[nodiscard]] abi::Value value() const;\n", name);
    header_ += fmt::format("    friend bool operator==(const {}&, const {}&) = default;\n  }};\n", name, name);
    source_ += fmt::format("{}::{} {}::{}::from(const abi::Value& v) {{\n  {} out;\n{}  return out;\n}}\n\n", name_, name,
                           name_, name, name, reads);
    source_ +=
        fmt::format("abi::Value {}::{}::value() const {{\n  abi::Value out;\n{}  return out;\n}}\n\n", name_, name, writes);
  }

  void write_event(const Entry& entry, std::size_t index) {
    auto name = entry.name;
    while (structs_.contains(name) || !names_.insert(name).second) name += "Event";
    header_ += fmt::format("  /// Event {}.\n  struct {} {{\n", entry.signature(), name);
    std::string reads;
    std::size_t i = 0;
    for (const auto& field : fields(entry.inputs)) {
      const auto hashed = entry.indexed[i] && (!field.type->parts.empty() || field.type->is_dynamic());
      const auto type = hashed ? *Type::parse("bytes32") : *field.type;
      header_ += fmt::format("    {} {}{{}};\n", cpp(type), field.name);
      reads += fmt::format("  out.{} = {};\n", field.name, from_value(type, fmt::format("v.items[{}]", i++)));
    }
    header_ += fmt::format(
        "    static const base::Hash& topic();\n    /// Errors: malformed (another event).\n    static base::Result<{}> "
        "decode(const Log& log);\n  }};\n",
        name);
    source_ += fmt::format(
        "const base::Hash& {}::{}::topic() {{\n  static const base::Hash kTopic = entries()[{}].id();\n  return "
        "kTopic;\n}}\n\n",
        name_, name, index);
    source_ += fmt::format(
        "base::Result<{}::{}> {}::{}::decode(const Log& log) {{\n  KOINON_TRY({}auto v, decode_event(entries()[{}], log));\n  "
        "{} out;\n{}  return out;\n}}\n\n",
        name_, name, name_, name, reads.empty() ? "[[maybe_unused]] const " : "const ", index, name, reads);
  }

  [[nodiscard]] std::string parameters(const Type& inputs) const {
    std::string out;
    for (const auto& field : fields(inputs)) {
      const auto type = cpp(*field.type);
      out += (out.empty() ? "" : ", ") + (by_value(*field.type) ? type + " " : "const " + type + "& ") + field.name;
    }
    return out;
  }
  [[nodiscard]] std::string values(const Type& inputs) const {
    std::string out;
    for (const auto& field : fields(inputs)) out += (out.empty() ? "" : ", ") + to_value(*field.type, field.name);
    return "{" + out + "}";
  }

  void write_function(const Entry& entry, std::size_t index) {
    auto name = safe(entry.name, index);
    const auto arguments = parameters(entry.inputs);
    while (!names_.insert(name + "(" + arguments).second) name += "_";
    const auto comma = arguments.empty() ? "" : ", ";
    if (!entry.view) {
      header_ += fmt::format("  /// Transaction {}.\n  [[nodiscard]] base::Result<TxRequest> {}({}) const;\n",
                             entry.signature(), name, arguments);
      source_ += fmt::format(
          "base::Result<TxRequest> {}::{}({}) const {{\n  return call_request(address_, entries()[{}], {});\n}}\n\n", name_,
          name, arguments, index, values(entry.inputs));
      return;
    }
    std::string result;
    std::string body;
    if (entry.outputs.parts.size() == 1) {
      result = cpp(entry.outputs.parts[0]);
      body = fmt::format("  return {};\n", from_value(entry.outputs.parts[0], "v.items[0]"));
    } else {
      result = camel(entry.name) + "Result";
      while (structs_.contains(result) || !names_.insert(result).second) result += "_";
      header_ += fmt::format("  struct {} {{\n", result);
      body = fmt::format("  {} out;\n", result);
      std::size_t i = 0;
      for (const auto& field : fields(entry.outputs)) {
        header_ += fmt::format("    {} {}{{}};\n", cpp(*field.type), field.name);
        body += fmt::format("  out.{} = {};\n", field.name, from_value(*field.type, fmt::format("v.items[{}]", i++)));
      }
      header_ += "  };\n";
      body += "  return out;\n";
      result = name_ + "::" + result;
    }
    if (structs_.contains(result)) result = name_ + "::" + result;
    const auto shown = qualified(result);
    header_ +=
        fmt::format("  /// Call {}.\n  [[nodiscard]] base::Result<{}> {}({}{}const std::string& tag = \"latest\") const;\n",
                    entry.signature(), shown, name, arguments, comma);
    source_ += fmt::format(
        "base::Result<{}> {}::{}({}{}const std::string& tag) const {{\n  KOINON_TRY(const auto v, call_view(*rpc_, address_, "
        "entries()[{}], {}, tag));\n{}}}\n\n",
        shown, name_, name, arguments, comma, index, values(entry.inputs), body);
  }

  /// A vector of a nested struct needs the class in front when it is named outside of it.
  [[nodiscard]] std::string qualified(const std::string& type) const {
    static constexpr std::string_view kVector = "std::vector<";
    if (!type.starts_with(kVector)) return type;
    const auto inner = type.substr(kVector.size(), type.size() - kVector.size() - 1);
    return fmt::format("std::vector<{}>", structs_.contains(inner) ? name_ + "::" + inner : qualified(inner));
  }

  void write_constructor(const Entry& entry, std::size_t index) {
    has_constructor_ = true;
    const auto arguments = parameters(entry.inputs);
    header_ += fmt::format(
        "  /// Creation code with constructor arguments. Errors: invalid_argument.\n  static base::Result<base::Bytes> "
        "creation_code({});\n",
        arguments);
    source_ += fmt::format(
        "base::Result<base::Bytes> {}::creation_code({}) {{\n  abi::Value arguments;\n  arguments.items = {};\n"
        "  KOINON_TRY(const auto tail, abi::encode(entries()[{}].inputs, arguments));\n  auto out = bytecode();\n"
        "  out.insert(out.end(), tail.begin(), tail.end());\n  return out;\n}}\n\n",
        name_, arguments, values(entry.inputs), index);
  }

  static std::string chunks(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += 8000)
      out += fmt::format("\n    R\"koinon({})koinon\"", text.substr(at, 8000));
    return out.empty() ? "\"\"" : out;
  }

  std::string name_;
  std::vector<Entry> entries_;
  std::string abi_;
  std::string bytecode_;
  std::map<std::string, std::string> structs_;  ///< name to type text
  std::map<std::string, std::string> hints_;    ///< type text to name
  std::set<std::string> names_;
  std::string header_;
  std::string source_;
  bool has_constructor_ = false;
};

std::string Generator::header() const {
  return fmt::format(R"(// Written by tools/abigen. Not to be edited.
#pragma once
#include <string>
#include <vector>

#include "ledger/contract.hpp"

namespace koinon::ledger::contracts {{

class {0} {{
 public:
  /// `rpc` must outlive it.
  {0}(Rpc& rpc, const base::Address& address) : rpc_(&rpc), address_(address) {{ rpc.know_errors(entries()); }}
  [[nodiscard]] const base::Address& address() const {{ return address_; }}
  /// The contract's ABI, in the order of the artifact.
  static const std::vector<abi::Entry>& entries();
  /// Creation code without constructor arguments; empty for an interface.
  static base::Bytes bytecode();

{1}
 private:
  Rpc* rpc_;
  base::Address address_;
}};

}}  // namespace koinon::ledger::contracts
)",
                     name_, header_);
}

std::string Generator::source() const {
  return fmt::format(R"(// Written by tools/abigen. Not to be edited.
#include "ledger/contracts/{0}.hpp"

namespace koinon::ledger::contracts {{

const std::vector<abi::Entry>& {1}::entries() {{
  static const std::vector<abi::Entry> kEntries = embedded_abi({2});
  return kEntries;
}}

base::Bytes {1}::bytecode() {{
  return embedded_bytes({3});
}}

{4}}}  // namespace koinon::ledger::contracts
)",
                     snake(name_), name_, chunks(abi_), chunks(bytecode_), source_);
}

Status generate(const std::filesystem::path& artifact, const std::filesystem::path& folder) {
  KOINON_TRY(const auto bytes, base::read_file(artifact, 16u << 20));
  const auto document = nlohmann::json::parse(base::as_text(bytes), nullptr, false);
  if (!document.is_object() || !document.contains("abi") || !document.contains("contractName") ||
      !document["contractName"].is_string())
    return fail(base::Code::malformed, "[abigen] contractName and abi expected");
  KOINON_TRY(auto entries, ledger::abi::parse_abi(document["abi"]));
  const auto name = document["contractName"].get<std::string>();
  Generator generator(name, std::move(entries), document["abi"].dump(), document.value("bytecode", std::string{}));
  KOINON_CHECK(generator.run());
  KOINON_CHECK(base::make_folder(folder));
  KOINON_CHECK(base::write_file(folder / (snake(name) + ".hpp"), base::as_bytes(generator.header())));
  return base::write_file(folder / (snake(name) + ".cpp"), base::as_bytes(generator.source()));
}

}  // namespace koinon::abigen

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: abigen ARTIFACT.json OUT_FOLDER\n");
    return 2;
  }
  if (auto done = koinon::abigen::generate(argv[1], argv[2]); !done) {
    std::fprintf(stderr, "abigen: %s: %s\n", argv[1], done.error().text.c_str());
    return 1;
  }
}
