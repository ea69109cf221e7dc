#include "ledger/abi.hpp"

using namespace koinon::ledger;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds();

namespace {

/// Holds every kind of type.
const abi::Type& shape() {
  static const abi::Type kShape =
      abi::Type::parse(
          "(uint8,int64,bool,address,bytes4,bytes,string,uint256[],(uint16,string)[2],bytes32[][],(uint8,bool)[3])")
          .value();
  return kShape;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  if (const auto value = abi::decode(shape(), bytes)) {
    const auto again = abi::encode(shape(), *value);
    KOINON_INVARIANT(again && *again == Bytes(bytes.begin(), bytes.end()));
  }
  if (const auto item = Rlp::decode(bytes)) KOINON_INVARIANT(item->encode() == Bytes(bytes.begin(), bytes.end()));
  (void)abi::Type::parse(koinon::base::as_text(bytes));
  (void)abi::describe_revert(bytes, {});
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  const auto list = [](std::vector<abi::Value> items) {
    abi::Value out;
    out.items = std::move(items);
    return out;
  };
  const auto one = abi::value_of(std::uint64_t{1});
  const auto text = abi::value_of(std::string_view("text"));
  const auto pair = list({one, text});
  const auto flags = list({one, one});
  const auto value = list({one, one, one, one, abi::Value{}, text, text, list({one, one}), list({pair, pair}),
                           list({list({one}), list({})}), list({flags, flags, flags})});
  const std::string_view type = "(uint8,(bytes32[2],string)[])[4]";
  return {abi::encode(shape(), value).value(),
          Rlp::list({Rlp::number(std::uint64_t{1024}), Rlp::list({})}).encode(),
          {type.begin(), type.end()}};
}
