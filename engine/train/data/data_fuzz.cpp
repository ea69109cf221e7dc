#include <cstddef>

#include "engine/train/data/data_set.hpp"

using namespace koinon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  using engine::train::DataSet;
  const auto look = [](const base::Result<DataSet>& set) {
    if (!set || set->count == 0) return;
    std::vector<float> input(static_cast<std::size_t>(engine::tensor::element_count(set->sample)));
    std::vector<float> target(static_cast<std::size_t>(engine::tensor::element_count(set->target)));
    set->take(set->count - 1, input.data(), target.data());
  };
  (void)engine::train::read_idx(bytes);
  look(engine::train::read_csv(bytes, "", false));
  look(engine::train::read_csv(bytes, "b", true));
  look(engine::train::read_text(bytes, 3));
  look(engine::train::decode_data(bytes));
  return 0;
}

std::vector<base::Bytes> koinon_fuzz_seeds() {
  const auto text = [](std::string_view t) { return base::Bytes(t.begin(), t.end()); };
  const auto csv = engine::train::read_csv(base::as_bytes("a,b,c\n1,2,x\n3,4,y\n"), "", false);
  const auto words = engine::train::read_text(base::as_bytes("abcabcab"), 3);
  return {engine::train::encode_data(*csv),
          engine::train::encode_data(*words),
          text("a,b,c\n1,2,x\n-3.5,4e2,y\n"),
          {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6},
          {0x1f, 0x8b, 8,    0,    0,    0, 0, 0,    0,    3,    0x63, 0x60, 0xe0, 0x60, 0x64, 0x60,
           0x60, 0x60, 0x62, 0x64, 0x62, 6, 0, 0x42, 0x4d, 0x5b, 0x0c, 0x0b, 0,    0,    0}};
}
