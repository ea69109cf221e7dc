#include "node/api/infer_message.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace koinon::node::api {
namespace {

using base::Code;
using nlohmann::json;

json tensor(const std::string& type, const json& shape, const json& data) {
  return {{"name", "x"}, {"datatype", type}, {"shape", shape}, {"data", data}};
}
/// Of a model whose one input has as many values as the shape says.
InferSizes sizes_of(const json& shape) {
  std::uint64_t out = 1;
  for (const auto& size : shape) out *= size.get<std::int64_t>() > 0 ? size.get<std::uint64_t>() : 1;
  return {{"x", out}};
}
base::Result<InferRequest> read(const json& one) { return read_infer(json{{"inputs", {one}}}.dump(), sizes_of(one["shape"])); }
base::Result<InferRequest> read_raw(const std::string& type, const json& shape, const std::string& raw, std::size_t said) {
  const auto head =
      json{{"inputs", {{{"name", "x"}, {"datatype", type}, {"shape", shape}, {"parameters", {{"binary_data_size", said}}}}}}}
          .dump();
  return read_infer(head + raw, sizes_of(shape), head.size());
}

TEST(InferMessage, nested_and_flat_lists_are_the_same) {
  const std::vector<double> wanted{1, 2, 3, 4};
  EXPECT_EQ(read(tensor("FP32", {2, 2}, {{1, 2}, {3, 4}}))->inputs[0].data, wanted);
  EXPECT_EQ(read(tensor("FP32", {2, 2}, {1, 2, 3, 4}))->inputs[0].data, wanted);
  EXPECT_EQ(read(tensor("BOOL", {2}, {true, false}))->inputs[0].data, (std::vector<double>{1, 0}));
}

TEST(InferMessage, raw_bytes_of_each_type_are_read) {
  EXPECT_EQ(read_raw("INT8", {2}, "\xff\x7f", 2)->inputs[0].data, (std::vector<double>{-1, 127}));
  EXPECT_EQ(read_raw("UINT8", {2}, "\xff\x7f", 2)->inputs[0].data, (std::vector<double>{255, 127}));
  EXPECT_EQ(read_raw("INT16", {1}, std::string("\x00\x80", 2), 2)->inputs[0].data, (std::vector<double>{-32768}));
  EXPECT_EQ(read_raw("UINT32", {1}, "\xff\xff\xff\xff", 4)->inputs[0].data, (std::vector<double>{4294967295.0}));
  EXPECT_EQ(read_raw("INT64", {1}, std::string(8, '\xff'), 8)->inputs[0].data, (std::vector<double>{-1}));
  EXPECT_EQ(read_raw("FP32", {1}, std::string("\x00\x00\xc0\xbf", 4), 4)->inputs[0].data, (std::vector<double>{-1.5}));
  EXPECT_EQ(read_raw("FP64", {1}, std::string("\x00\x00\x00\x00\x00\x00\xf8\x3f", 8), 8)->inputs[0].data,
            (std::vector<double>{1.5}));
  // 1.0, the largest number, the smallest one of FP16 (IEEE 754 binary16).
  EXPECT_EQ(read_raw("FP16", {3}, std::string("\x00\x3c\xff\x7b\x01\x00", 6), 6)->inputs[0].data,
            (std::vector<double>{1, 65504, 5.9604644775390625e-08}));
}

TEST(InferMessage, what_does_not_fit_is_refused_by_name) {
  const std::vector<std::pair<base::Result<InferRequest>, Code>> cases = {
      {read(tensor("FP32", {2, 2}, {1, 2, 3})), Code::invalid_argument},
      {read(tensor("FP32", {2, 2}, {1, 2, 3, 4, 5})), Code::invalid_argument},
      {read(tensor("FP32", {2}, {"1", 2})), Code::malformed},
      {read(tensor("FP32", {-1}, json::array())), Code::malformed},
      {read(tensor("FP32", {1 << 20, 1 << 20}, json::array())), Code::out_of_range},
      {read(tensor("BYTES", {1}, {"a"})), Code::unsupported},
      {read(tensor("UINT8", {1}, {256})), Code::out_of_range},
      {read(tensor("UINT8", {1}, {-1})), Code::out_of_range},
      {read(tensor("INT32", {1}, {1.5})), Code::out_of_range},
      {read(tensor("BOOL", {1}, {2})), Code::out_of_range},
      {read(tensor("UINT64", {1}, {18446744073709551615ULL})), Code::out_of_range},
      {read_raw("FP32", {2}, "1234", 8), Code::malformed},
      {read_raw("FP32", {1}, "1234", 8), Code::invalid_argument},
      {read_raw("FP32", {1}, "12345", 4), Code::malformed},
      {read_raw("FP32", {1}, std::string("\x00\x00\xc0\x7f", 4), 4), Code::invalid_argument},  // NaN
      {read_raw("FP32", {1}, std::string("\x00\x00\x80\x7f", 4), 4), Code::invalid_argument},  // infinity
      {read_infer(json{{"inputs", {tensor("FP32", {3}, {1, 2, 3})}}}.dump(), {{"x", 4}}), Code::invalid_argument},
      {read_infer(json{{"inputs", {tensor("FP32", {3}, {1, 2, 3})}}}.dump(), {{"y", 3}}), Code::invalid_argument},
      {read_infer("[]", {}), Code::malformed},
      {read_infer("{}", {}), Code::malformed},
      {read_infer("{}", {}, 3), Code::malformed},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    ASSERT_FALSE(cases[i].first) << i;
    EXPECT_EQ(cases[i].first.error().code, cases[i].second) << i << ": " << cases[i].first.error().text;
    EXPECT_TRUE(cases[i].first.error().text.find("[infer]") == 0 || cases[i].second == Code::malformed)
        << cases[i].first.error().text;
  }
}

TEST(InferMessage, outputs_are_written_as_they_are_asked_for) {
  const std::vector<RealOutput> outputs = {{"a", {2}, {1.5, -2}, {}}, {"b", {1, 1}, {7}, {}}};
  const auto ask = [](const json& more) {
    json request = {{"inputs", json::array()}};
    request.update(more);
    return read_infer(request.dump(), {}).value();
  };
  const InferAnswer answer{"model", "0x1", {}, {{"check", "none"}}};
  const auto all = write_infer(answer, outputs, ask({{"id", "42"}}));
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->header);
  const auto text = json::parse(all->bytes);
  EXPECT_EQ(text["id"], "42");
  EXPECT_EQ(text["parameters"]["check"], "none");
  EXPECT_EQ(text["outputs"].size(), 2U);
  EXPECT_EQ(text["outputs"][0]["data"], json({1.5, -2}));

  const auto raw = write_infer(answer, outputs, ask({{"outputs", {{{"name", "b"}, {"parameters", {{"binary_data", true}}}}}}}));
  ASSERT_TRUE(raw);
  ASSERT_TRUE(raw->header);
  const auto head = json::parse(raw->bytes.substr(0, *raw->header));
  EXPECT_EQ(head["outputs"][0]["parameters"]["binary_data_size"], 4);
  EXPECT_EQ(raw->bytes.substr(*raw->header), std::string("\x00\x00\xe0\x40", 4));

  const auto missing = write_infer(answer, outputs, ask({{"outputs", {{{"name", "c"}}}}}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
}

}  // namespace
}  // namespace koinon::node::api
