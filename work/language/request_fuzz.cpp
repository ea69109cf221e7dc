// The input of an order for a text: whatever is read is written as the same bytes.
#include "work/language/request.hpp"
#include "work/parcel.hpp"

namespace base = koinon::base;
namespace language = koinon::work::language;

std::vector<base::Bytes> koinon_fuzz_seeds() {
  language::Request request;
  request.prompt = {1, 2, 3};
  request.tokens = 4;
  return {koinon::work::Parcel{{}, request.parts()}.encode()};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parcel = koinon::work::Parcel::decode({data, size});
  if (!parcel) return 0;
  const auto request = language::Request::read(parcel->parts);
  if (!request) return 0;
  if (request->parts() != parcel->parts) __builtin_trap();
  if (language::check(*request, {100, 64, 10}) && (request->tokens > 64 || request->prompt.empty())) __builtin_trap();
  return 0;
}
