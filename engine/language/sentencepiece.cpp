#include <sentencepiece_processor.h>

#include "engine/language/tokeniser.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxModel = std::size_t{1} << 27;

class SentencePiece final : public Tokeniser {
 public:
  base::Status load(base::ByteView model) {
    if (model.size() > kMaxModel)
      return fail(Code::out_of_range, "[tokeniser] a SentencePiece model of {} bytes", model.size());
    try {
      if (const auto loaded = processor_.LoadFromSerializedProto(base::as_text(model)); !loaded.ok())
        return fail(Code::malformed, "[tokeniser] not a SentencePiece model: {}", loaded.ToString().substr(0, 120));
    } catch (const std::exception& e) {
      return fail(Code::malformed, "[tokeniser] not a SentencePiece model: {}", e.what());
    }
    if (processor_.GetPieceSize() < 1) return fail(Code::malformed, "[tokeniser] a SentencePiece model without pieces");
    return {};
  }

  [[nodiscard]] std::int64_t size() const override { return processor_.GetPieceSize(); }

  [[nodiscard]] Result<std::vector<std::int64_t>> encode(std::string_view text) const override {
    if (text.size() > kMaxTextBytes) return fail(Code::out_of_range, "[tokeniser] a text of {} bytes", text.size());
    std::vector<int> numbers;
    try {
      if (const auto done = processor_.Encode(text, &numbers); !done.ok())
        return fail(Code::unsupported, "[tokeniser] SentencePiece: {}", done.ToString().substr(0, 120));
    } catch (const std::exception& e) {
      return fail(Code::unsupported, "[tokeniser] SentencePiece: {}", e.what());
    }
    std::vector<std::int64_t> out(numbers.begin(), numbers.end());
    if (processor_.bos_id() >= 0) out.insert(out.begin(), processor_.bos_id());
    return out;
  }

  [[nodiscard]] std::string bytes(std::int64_t token) const override {
    if (token < 0 || token >= size()) return {};
    const auto number = static_cast<int>(token);
    if (processor_.IsControl(number)) return {};
    std::string piece = processor_.IdToPiece(number);
    if (processor_.IsByte(number) && piece.size() == 6)  // <0x41>
      return {static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16))};
    static constexpr std::string_view kSpace = "\xe2\x96\x81";
    for (auto at = piece.find(kSpace); at != std::string::npos; at = piece.find(kSpace, at + 1))
      piece.replace(at, kSpace.size(), " ");
    return piece;
  }

  [[nodiscard]] std::vector<std::int64_t> ends() const override {
    if (processor_.eos_id() < 0) return {};
    return {processor_.eos_id()};
  }

 private:
  sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace

Result<std::unique_ptr<Tokeniser>> read_sentencepiece(base::ByteView model) {
  auto out = std::make_unique<SentencePiece>();
  KOINON_CHECK(out->load(model));
  return std::unique_ptr<Tokeniser>(std::move(out));
}

}  // namespace koinon::engine::language
