#include "engine/onnx/read.hpp"

#include <gtest/gtest.h>

#include "onnx-ml.pb.h"

namespace koinon::engine::onnx {
namespace {

base::Result<Value> decoded(const ::onnx::TensorProto& proto) { return read_tensor(base::as_bytes(proto.SerializeAsString())); }

::onnx::TensorProto tensor(Element element, std::int64_t size, const std::string& raw) {
  ::onnx::TensorProto out;
  out.set_data_type(static_cast<std::int32_t>(element));
  out.add_dims(size);
  out.set_raw_data(raw);
  return out;
}

TEST(read_tensor, reads_every_float_width) {
  using std::string_literals::operator""s;
  EXPECT_EQ(decoded(tensor(Element::f32, 1, "\x00\x00\xc0\x3f"s))->floats[0], 1.5F);
  EXPECT_EQ(decoded(tensor(Element::f16, 2, "\x00\x3e\x01\x80"s))->floats, (std::vector<float>{1.5F, -0x1p-24F}));
  EXPECT_EQ(decoded(tensor(Element::bf16, 1, "\xc0\x3f"s))->floats[0], 1.5F);
  EXPECT_EQ(decoded(tensor(Element::f64, 1, "\x00\x00\x00\x00\x00\x00\xf8\x3f"s))->floats[0], 1.5F);
}

TEST(read_tensor, reads_whole_numbers_with_their_sign) {
  EXPECT_EQ(decoded(tensor(Element::i8, 2, "\x01\xff"))->ints, (std::vector<std::int64_t>{1, -1}));
  EXPECT_EQ(decoded(tensor(Element::u8, 2, "\x01\xff"))->ints, (std::vector<std::int64_t>{1, 255}));
  EXPECT_EQ(decoded(tensor(Element::boolean, 2, "\x01\x07"))->ints, (std::vector<std::int64_t>{1, 1}));
}

TEST(read_tensor, refuses_sizes_that_do_not_fit) {
  EXPECT_EQ(decoded(tensor(Element::f32, 2, "\x01\x02\x03")).error().code, base::Code::malformed);
  EXPECT_EQ(decoded(tensor(Element::f32, -2, "")).error().code, base::Code::malformed);
  EXPECT_EQ(decoded(tensor(Element::f32, std::int64_t{1} << 40, "")).error().code, base::Code::out_of_range);
  EXPECT_EQ(decoded(tensor(static_cast<Element>(8), 1, "a")).error().code, base::Code::unsupported);
}

}  // namespace
}  // namespace koinon::engine::onnx
