#include "engine/tensor/tensor.hpp"

#include <gtest/gtest.h>

#include "base/merkle.hpp"

namespace koinon::engine::tensor {
namespace {

TEST(Tensor, types_have_their_sizes_and_limits) {
  EXPECT_EQ(dtype_size(DType::i8), 1U);
  EXPECT_EQ(dtype_size(DType::i64), 8U);
  EXPECT_EQ(dtype_low(DType::i8), -128);
  EXPECT_EQ(dtype_high(DType::i16), 32767);
  EXPECT_EQ(dtype_low(DType::i64), INT64_MIN);
  EXPECT_FALSE(dtype_from(0).has_value());
  EXPECT_FALSE(dtype_from(5).has_value());
  EXPECT_EQ(dtype_from(2).value(), DType::i16);
}

TEST(Tensor, refuses_shapes_outside_the_bounds) {
  EXPECT_TRUE(check_shape({}).has_value());
  EXPECT_TRUE(check_shape({1 << 15, 1 << 16}).has_value());
  EXPECT_FALSE(check_shape({1 << 16, 1 << 16}).has_value());
  EXPECT_FALSE(check_shape({3, 0}).has_value());
  EXPECT_FALSE(check_shape({-1}).has_value());
  EXPECT_FALSE(check_shape(Shape(9, 1)).has_value());
  EXPECT_EQ(check_shape({INT64_MAX, INT64_MAX}).error().code, base::Code::out_of_range);
}

TEST(Tensor, stores_elements_little_endian) {
  auto t = IntTensor::of<std::int16_t>({2}, {1, -2});
  EXPECT_EQ(t.bytes, (base::Bytes{1, 0, 0xfe, 0xff}));
  EXPECT_EQ(t.at(1), -2);
  t.set(0, -32768);
  EXPECT_EQ(t.values<std::int16_t>()[0], -32768);
  EXPECT_EQ(shape_text(t.shape), "[2]");
}

TEST(Tensor, root_depends_on_every_byte) {
  auto t = IntTensor::zeros(DType::i8, {3000});
  const auto before = tensor_root(t);
  t.set(2999, 1);
  EXPECT_NE(tensor_root(t), before);
  EXPECT_EQ(before, base::byte_tree_root(base::Domain::tensor, base::Bytes(3000, 0)));
}

}  // namespace
}  // namespace koinon::engine::tensor
