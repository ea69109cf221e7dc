#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <queue>
#include <unordered_map>

#include "base/json.hpp"
#include "engine/language/pieces.hpp"
#include "engine/language/tokeniser.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

/// The printable character that stands for each byte in a vocabulary: itself where it prints, else one from 256 on.
std::array<char32_t, 256> byte_characters() {
  std::array<char32_t, 256> out{};
  char32_t extra = 256;
  for (char32_t b = 0; b < 256; ++b) out[b] = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174 ? b : extra++;
  return out;
}

/// The bytes that a token of a vocabulary stands for; none when a character stands for no byte.
std::optional<std::string> token_bytes(std::string_view token) {
  static const auto kBytes = [] {
    std::array<int, 324> out{};
    out.fill(-1);
    const auto characters = byte_characters();
    for (int b = 0; b < 256; ++b) out[characters[static_cast<std::size_t>(b)]] = b;
    return out;
  }();
  std::string out;
  for (std::size_t i = 0; i < token.size();) {
    const auto first = static_cast<unsigned char>(token[i]);
    char32_t code = first;
    if (first >= 0x80) {
      if (first < 0xc2 || first > 0xdf || i + 1 >= token.size()) return {};
      const auto second = static_cast<unsigned char>(token[i + 1]);
      if ((second & 0xc0U) != 0x80) return {};
      code = (first & 0x1fU) << 6 | (second & 0x3fU);
    }
    if (code >= kBytes.size() || kBytes[code] < 0) return {};
    out.push_back(static_cast<char>(kBytes[code]));
    i += first < 0x80 ? 1 : 2;
  }
  return out;
}

constexpr std::size_t kMaxSpecials = 4096;

struct Merge {
  std::uint32_t rank = 0;
  std::int64_t token = 0;
};

std::uint64_t pair_of(std::int64_t left, std::int64_t right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
}

class Bpe final : public Tokeniser {
 public:
  Status add_vocabulary(const json& vocabulary);
  Status add_merge(std::string_view left, std::string_view right);
  Status add_special(const std::string& content, std::int64_t token);
  Status finish();
  void prefix_space() { prefix_space_ = true; }

  [[nodiscard]] std::int64_t size() const override { return static_cast<std::int64_t>(tokens_.size()); }
  [[nodiscard]] std::string bytes(std::int64_t token) const override {
    return token >= 0 && token < size() ? tokens_[static_cast<std::size_t>(token)] : std::string();
  }
  [[nodiscard]] std::vector<std::int64_t> ends() const override {
    std::vector<std::int64_t> out;
    for (const auto& [content, token] : specials_)
      if (content == "<|endoftext|>" || content == "<|im_end|>" || content == "</s>") out.push_back(token);
    return out;
  }
  [[nodiscard]] Result<std::vector<std::int64_t>> encode(std::string_view text) const override;

 private:
  void encode_plain(std::string_view text, std::vector<std::int64_t>& out) const;
  void encode_piece(std::string_view piece, std::vector<std::int64_t>& out) const;

  std::vector<std::string> tokens_;  ///< bytes of each
  std::unordered_map<std::string, std::int64_t> numbers_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::vector<std::pair<std::string, std::int64_t>> specials_;  ///< the longest first
  std::array<bool, 256> starts_special_{};
  std::array<std::int64_t, 256> bytes_{};  ///< the token of each byte
  bool prefix_space_ = false;
};

Status Bpe::add_vocabulary(const json& vocabulary) {
  if (!vocabulary.is_object() || vocabulary.empty() || vocabulary.size() > kMaxVocabulary)
    return fail(Code::malformed, "[tokeniser] a vocabulary of 1 to {} tokens expected", kMaxVocabulary);
  std::vector<bool> seen;
  for (const auto& [name, number] : vocabulary.items()) {
    if (!number.is_number_unsigned() || number.get<std::uint64_t>() >= kMaxVocabulary)
      return fail(Code::malformed, "[tokeniser] token '{}': a number below {} expected", name.substr(0, 40), kMaxVocabulary);
    const auto at = number.get<std::size_t>();
    if (at >= tokens_.size()) tokens_.resize(at + 1);
    seen.resize(tokens_.size(), false);
    if (seen[at]) return fail(Code::malformed, "[tokeniser] two tokens have the number {}", at);
    seen[at] = true;
    // Specials are in some vocabularies too, as they are written.
    tokens_[at] = token_bytes(name).value_or(name);
    numbers_.emplace(tokens_[at], static_cast<std::int64_t>(at));
  }
  return {};
}

Status Bpe::add_merge(std::string_view left, std::string_view right) {
  const auto a = token_bytes(left), b = token_bytes(right);
  const auto find = [&](const std::string& bytes) {
    const auto found = numbers_.find(bytes);
    return found == numbers_.end() ? std::int64_t{-1} : found->second;
  };
  if (!a || !b || a->empty() || b->empty() || find(*a) < 0 || find(*b) < 0 || find(*a + *b) < 0)
    return fail(Code::malformed, "[tokeniser] merge {} ('{}', '{}'): its parts or its result are not in the vocabulary",
                merges_.size(), left.substr(0, 40), right.substr(0, 40));
  merges_.try_emplace(pair_of(find(*a), find(*b)), Merge{static_cast<std::uint32_t>(merges_.size()), find(*a + *b)});
  return {};
}

Status Bpe::add_special(const std::string& content, std::int64_t token) {
  if (content.empty() || token < 0 || token >= static_cast<std::int64_t>(kMaxVocabulary))
    return fail(Code::malformed, "[tokeniser] an added token without content or number");
  const auto at = static_cast<std::size_t>(token);
  if (at >= tokens_.size()) tokens_.resize(at + 1);
  if (specials_.size() == kMaxSpecials) return fail(Code::out_of_range, "[tokeniser] more than {} added tokens", kMaxSpecials);
  tokens_[at] = content;
  specials_.emplace_back(content, token);
  starts_special_[static_cast<unsigned char>(content[0])] = true;
  return {};
}

Status Bpe::finish() {
  for (int b = 0; b < 256; ++b) {
    const auto found = numbers_.find(std::string(1, static_cast<char>(b)));
    if (found == numbers_.end()) return fail(Code::unsupported, "[tokeniser] byte {} has no token", b);
    bytes_[static_cast<std::size_t>(b)] = found->second;
  }
  std::ranges::sort(specials_, [](const auto& a, const auto& b) {
    return a.first.size() != b.first.size() ? a.first.size() > b.first.size() : a.first < b.first;
  });
  return {};
}

Result<std::vector<std::int64_t>> Bpe::encode(std::string_view text) const {
  if (text.size() > kMaxTextBytes) return fail(Code::out_of_range, "[tokeniser] a text of {} bytes", text.size());
  std::vector<std::int64_t> out;
  std::size_t plain = 0;  // where text that holds no special token begins
  for (std::size_t at = 0; at < text.size();) {
    if (!starts_special_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const auto found = std::ranges::find_if(specials_, [&](const auto& s) { return text.substr(at).starts_with(s.first); });
    if (found == specials_.end()) {
      ++at;
      continue;
    }
    encode_plain(text.substr(plain, at - plain), out);
    out.push_back(found->second);
    at += found->first.size();
    plain = at;
  }
  encode_plain(text.substr(plain), out);
  return out;
}

void Bpe::encode_plain(std::string_view text, std::vector<std::int64_t>& out) const {
  if (text.empty()) return;
  std::string spaced;
  if (prefix_space_ && text[0] != ' ') {
    spaced = " " + std::string(text);
    text = spaced;
  }
  for (auto piece : gpt2_pieces(text)) encode_piece(piece, out);
}

// The pair of the lowest rank is merged first, the leftmost at ties: a heap of pairs over a linked list of tokens, so that a
// long piece costs n log n.
void Bpe::encode_piece(std::string_view piece, std::vector<std::int64_t>& out) const {
  struct Node {
    std::int64_t token;
    std::int32_t before, after;
  };
  struct Pair {
    std::uint32_t rank;
    std::int32_t at;
    std::int64_t left, right, token;
    bool operator>(const Pair& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  const auto count = static_cast<std::int32_t>(piece.size());
  std::vector<Node> nodes;
  for (std::int32_t i = 0; i < count; ++i)
    nodes.push_back(
        {bytes_[static_cast<unsigned char>(piece[static_cast<std::size_t>(i)])], i - 1, i + 1 < count ? i + 1 : -1});
  std::priority_queue<Pair, std::vector<Pair>, std::greater<>> heap;
  const auto node = [&](std::int32_t i) -> Node& { return nodes[static_cast<std::size_t>(i)]; };
  const auto consider = [&](std::int32_t left) {
    if (left < 0 || node(left).after < 0) return;
    const auto a = node(left).token, b = node(node(left).after).token;
    if (const auto found = merges_.find(pair_of(a, b)); found != merges_.end())
      heap.push({found->second.rank, left, a, b, found->second.token});
  };
  for (std::int32_t i = 0; i < count; ++i) consider(i);
  while (!heap.empty()) {
    const auto best = heap.top();
    heap.pop();
    const auto right = node(best.at).after;
    if (node(best.at).token != best.left || right < 0 || node(right).token != best.right) continue;  // merged since
    node(best.at).token = best.token;
    node(best.at).after = node(right).after;
    if (node(right).after >= 0) node(node(right).after).before = best.at;
    node(right).token = -1;
    consider(node(best.at).before);
    consider(best.at);
  }
  for (std::int32_t i = 0; i >= 0 && i < count; i = node(i).after) out.push_back(node(i).token);
}

tl::unexpected<base::Error> unsupported(std::string_view what) {
  return fail(Code::unsupported, "[tokeniser] {}", what.substr(0, 120));
}

/// What of a tokenizer.json changes the tokens, besides vocabulary and merges.
Status check_parts(const json& file, Bpe& to) {
  const auto part = [&](const char* name) { return file.contains(name) ? file[name] : json(); };
  const auto type_of = [](const json& value) {
    return value.is_object() && value.contains("type") && value["type"].is_string() ? value["type"].get<std::string>() : "";
  };
  if (!part("normalizer").is_null()) return unsupported("a normaliser: none expected");
  const auto before = part("pre_tokenizer");
  if (type_of(before) != "ByteLevel")
    return unsupported(fmt::format("pre-tokeniser '{}': ByteLevel expected (a SentencePiece model has its own file)",
                                   type_of(before).substr(0, 40)));
  if (before.contains("use_regex") && before["use_regex"] != true) return unsupported("ByteLevel without GPT-2's pattern");
  if (before.contains("add_prefix_space") && before["add_prefix_space"] == true) to.prefix_space();
  const auto after = part("post_processor");
  if (!after.is_null() && type_of(after) != "ByteLevel") return unsupported("a post-processor other than ByteLevel");
  const auto& model = file["model"];
  for (const char* name : {"byte_fallback", "ignore_merges"})
    if (model.contains(name) && model[name] == true) return unsupported(fmt::format("'{}' of BPE", name));
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (model.contains(name) && !model[name].is_null() && model[name] != "")
      return unsupported(fmt::format("'{}' of BPE", name));
  if (model.contains("dropout") && !model["dropout"].is_null() && model["dropout"] != 0) return unsupported("dropout of BPE");
  return {};
}

Status add_merges(const json& merges, Bpe& to) {
  if (!merges.is_array()) return fail(Code::malformed, "[tokeniser] no merges");
  for (const auto& merge : merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      KOINON_CHECK(to.add_merge(merge[0].get<std::string>(), merge[1].get<std::string>()));
      continue;
    }
    const auto text = merge.is_string() ? merge.get<std::string>() : std::string();
    const auto space = text.find(' ');
    if (space == std::string::npos) return fail(Code::malformed, "[tokeniser] a merge that is not a pair");
    KOINON_CHECK(to.add_merge(text.substr(0, space), text.substr(space + 1)));
  }
  return {};
}

Status add_specials(const json& specials, Bpe& to) {
  if (!specials.is_array()) return fail(Code::malformed, "[tokeniser] added_tokens are no list");
  for (const auto& token : specials) {
    if (!token.is_object() || !token.contains("content") || !token["content"].is_string() || !token.contains("id") ||
        !token["id"].is_number_unsigned() || token["id"].get<std::uint64_t>() >= kMaxVocabulary)
      return fail(Code::malformed, "[tokeniser] an added token without content or number");
    for (const char* way : {"single_word", "lstrip", "rstrip"})
      if (token.contains(way) && token[way] == true) return unsupported(fmt::format("an added token with '{}'", way));
    KOINON_CHECK(to.add_special(token["content"].get<std::string>(), token["id"].get<std::int64_t>()));
  }
  return {};
}

}  // namespace

std::string Tokeniser::text(const std::vector<std::int64_t>& tokens) const {
  std::string out;
  for (auto token : tokens) out += bytes(token);
  return out;
}

Result<std::unique_ptr<Tokeniser>> read_bpe(std::string_view tokenizer_json) {
  const auto file = base::parse_json(tokenizer_json);
  if (file.is_discarded() || !file.is_object()) return fail(Code::malformed, "[tokeniser] not a JSON object");
  if (!file.contains("model") || !file["model"].is_object()) return fail(Code::malformed, "[tokeniser] no model");
  const auto& model = file["model"];
  if (model.contains("type") && model["type"] != "BPE") return fail(Code::unsupported, "[tokeniser] a model other than BPE");
  auto out = std::make_unique<Bpe>();
  KOINON_CHECK(check_parts(file, *out));
  KOINON_CHECK(out->add_vocabulary(model.contains("vocab") ? model["vocab"] : json()));
  KOINON_CHECK(add_merges(model.contains("merges") ? model["merges"] : json(), *out));
  KOINON_CHECK(add_specials(file.contains("added_tokens") ? file["added_tokens"] : json::array(), *out));
  KOINON_CHECK(out->finish());
  return std::unique_ptr<Tokeniser>(std::move(out));
}

Result<std::unique_ptr<Tokeniser>> read_bpe(std::string_view vocab_json, std::string_view merges_txt) {
  const auto vocabulary = base::parse_json(vocab_json);
  if (vocabulary.is_discarded()) return fail(Code::malformed, "[tokeniser] vocab.json is not JSON");
  auto out = std::make_unique<Bpe>();
  KOINON_CHECK(out->add_vocabulary(vocabulary));
  while (!merges_txt.empty()) {
    const auto end = std::min(merges_txt.find('\n'), merges_txt.size());
    auto line = merges_txt.substr(0, end);
    merges_txt.remove_prefix(std::min(end + 1, merges_txt.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const auto space = line.find(' ');
    if (space == std::string_view::npos) return fail(Code::malformed, "[tokeniser] merges.txt: a line that is not a pair");
    KOINON_CHECK(out->add_merge(line.substr(0, space), line.substr(space + 1)));
  }
  if (vocabulary.contains("<|endoftext|>"))
    KOINON_CHECK(out->add_special("<|endoftext|>", vocabulary["<|endoftext|>"].get<std::int64_t>()));
  KOINON_CHECK(out->finish());
  return std::unique_ptr<Tokeniser>(std::move(out));
}

Result<std::unique_ptr<Tokeniser>> read_tokeniser(base::ByteView file) {
  if (!file.empty() && file[0] == '{') return read_bpe(base::as_text(file));
  return read_sentencepiece(file);
}

}  // namespace koinon::engine::language
