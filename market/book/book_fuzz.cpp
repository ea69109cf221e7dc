#include "market/book/book.hpp"

// Lines of "contract name arguments": a ledger's server that tells anything.
std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  const std::string a = "\"0x00000000000000000000000000000000000000bb\"";
  const std::string h = "\"0x00000000000000000000000000000000000000000000000000000000000000aa\"";
  const std::string text =
      "Registry AccountOpened {\"account\":2,\"owner\":" + a + ",\"operator\":" + a + ",\"payout\":" + a +
      "}\nRegistry Deposited {\"account\":2,\"from\":" + a +
      ",\"amount\":\"5\"}\nWorkMarket OrderPlaced "
      "{\"orderId\":\"7\",\"buyer\":2,\"escrow\":\"4\",\"bond\":\"3\",\"terms\":{\"buyer\":2,\"kind\":0,"
      "\"check\":0,\"privacy\":0,\"n\":3,\"k\":2,\"maxTier\":5,\"auditBps\":6,\"commitWindow\":60,\"nonce\":\"9\",\"spec\":" +
      h + ",\"specDigest\":" + h + ",\"specSize\":\"1\",\"inputRoot\":" + h + ",\"inputSize\":\"5\",\"buyerKey\":" + h +
      "}}\nWorkMarket RoundOpened "
      "{\"orderId\":\"7\",\"round\":0,\"role\":0,\"appealed\":false,\"wanted\":3,\"seedBlock\":\"1\",\"deadline\":9}\n"
      "WorkMarket Drawn {\"orderId\":\"7\",\"round\":0,\"seed\":" +
      h +
      ",\"accounts\":[2],\"tiers\":[1],\"locked\":\"1\",\"deadline\":1}\nWorkMarket Committed "
      "{\"orderId\":\"7\",\"account\":2,\"round\":0,"
      "\"commitment\":" +
      h + "}\nWorkMarket InputPosted {\"orderId\":\"7\",\"round\":0,\"envelopeRoot\":" + h +
      ",\"subtree\":0,\"subtrees\":1}\nWorkMarket OutputPosted {\"orderId\":\"7\",\"account\":2,\"tensor\":0,"
      "\"subtree\":0,\"subtrees\":1,\"tensorSize\":\"4\",\"tensorCount\":\"1\"}\n";
  return {{text.begin(), text.end()}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  koinon::market::Book book;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto first = line.find(' ');
    const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos) continue;
    koinon::market::Event event;
    event.contract = line.substr(0, first);
    event.name = line.substr(first + 1, second - first - 1);
    event.arguments = line.substr(second + 1);
    if (!book.apply(event)) break;
  }
  return 0;
}
