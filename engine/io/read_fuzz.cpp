// Every reader of input files: whatever comes, an answer or an error.
#include "base/codec.hpp"
#include "engine/io/formats.hpp"
#include "engine/io/read.hpp"
#include "engine/program/builder.hpp"

namespace {

using namespace koinon::engine;
namespace base = koinon::base;

const program::Program& picture_program() {
  static const program::Program out = [] {
    program::Builder b;
    b.output("y", b.input("x", {program::DType::i8, {1, 1, 4, 4}}, program::Scale{1, -7}, -127, 127), program::Scale{});
    return b.finish({}).value();
  }();
  return out;
}

}  // namespace

std::vector<base::Bytes> koinon_fuzz_seeds() {
  base::Writer npy;
  npy.raw(base::as_bytes("\x93NUMPY"));
  npy.number(std::uint16_t{1});
  const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4), }\n";
  npy.number(static_cast<std::uint16_t>(header.size()));
  npy.raw(base::as_bytes(header));
  npy.raw(base::Bytes(16, 7));
  const std::string json = R"({"input_data": [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 1.5e-3]]})";
  const auto view = base::as_bytes(json);
  // A grey PNG of one pixel, an empty zip archive, and the first segments of a JPEG.
  const auto png = base::from_hex(
      "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c636000000002000148afa4710000000049"
      "45"
      "4e44ae426082");
  const auto zip = base::from_hex("504b0506000000000000000000000000000000000000");
  const auto jpeg = base::from_hex("ffd8ffe000104a46494600010100000100010000ffc0000b080008000801011100ffda0008010100003f00");
  return {npy.bytes(), {view.begin(), view.end()}, png.value(), zip.value(), jpeg.value()};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto inputs = io::read_inputs(picture_program(), {data, size});
  if (inputs && inputs->at(0).size() != 16) __builtin_trap();
  return 0;
}
