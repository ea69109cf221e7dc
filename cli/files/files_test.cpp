#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "cli/files/calibration.hpp"
#include "cli/files/model_file.hpp"
#include "cli/files/npy.hpp"
#include "cli/files/table_file.hpp"
#include "engine/io/read.hpp"

namespace koinon::cli {
namespace {

using engine::tensor::IntTensor;
using engine::tensor::Shape;
using ::testing::HasSubstr;

TEST(Npy, is_read_back_as_it_was_written) {
  for (const auto& shape : {Shape{2, 3}, Shape{6}, Shape{1, 1, 6}}) {
    const auto tensor = IntTensor::of<std::int16_t>(shape, {-300, 2, 3, 4, 5, 300});
    const auto bytes = npy(tensor);
    EXPECT_EQ((bytes.size() - 12) % 64, 0U);
    const auto read = engine::io::read_npy(bytes);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->shape, shape);
    EXPECT_EQ(read->data, (std::vector<double>{-300, 2, 3, 4, 5, 300}));
  }
}

TEST(Npy, holds_scalars_and_bytes) {
  const auto read = engine::io::read_npy(npy(IntTensor::of<std::int8_t>({}, {-7})));
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_TRUE(read->shape.empty());
  EXPECT_EQ(read->data, std::vector<double>{-7});
  const std::vector<double> values{0.5, -1e300};
  const auto real = engine::io::read_npy(npy({2}, values));
  ASSERT_TRUE(real) << real.error().text;
  EXPECT_EQ(real->data, values);
}

struct Calibration : ::testing::Test {
  Calibration() : onnx(*base::read_file("examples/digits/digits-lenet.onnx")) {}
  std::string file(const std::string& name, base::ByteView bytes) const {
    const auto path = folder.path() / name;
    EXPECT_TRUE(base::write_file(path, bytes));
    return path.string();
  }
  base::TempFolder folder;
  base::Bytes onnx;
};

TEST_F(Calibration, takes_pictures_and_cuts_batches) {
  const auto batch = file("batch.npy", npy({3, 1, 28, 28}, std::vector<double>(3 * 784, 0.25)));
  const auto samples = load_calibration(onnx, {}, {"examples/digits/digit-3.png", batch});
  ASSERT_TRUE(samples) << samples.error().text;
  ASSERT_EQ(samples->size(), 4U);
  EXPECT_EQ(samples->back()[0].shape, (Shape{1, 1, 28, 28}));
  EXPECT_EQ(samples->back()[0].data[783], 0.25F);
}

TEST_F(Calibration, cuts_an_array_only_where_an_axis_says_so) {
  const auto cut = [&](const Shape& shape) {
    std::vector<double> values(static_cast<std::size_t>(engine::tensor::element_count(shape)), 0.5);
    return load_calibration(onnx, {}, {file("a.npy", npy(shape, values))});
  };
  for (const auto& shape : {Shape{2, 784}, Shape{2, 28, 28}, Shape{2, 1, 28, 28}, Shape{2, 1, 1, 28, 28}})
    EXPECT_EQ(cut(shape)->size(), 2U) << engine::tensor::shape_text(shape);
  EXPECT_EQ(cut({784})->size(), 1U);
  for (const auto& shape : {Shape{1568}, Shape{1, 1568}, Shape{28, 56}, Shape{1, 2, 28, 28}})
    EXPECT_THAT(cut(shape).error().text, HasSubstr("a first axis that counts samples, expected"));
  std::string list = "[";
  for (int i = 0; i < 784; ++i) list += i == 0 ? "0" : ",1";
  list += "]";
  const auto json = file("two.json", base::as_bytes("[" + list + "," + list + "]"));
  EXPECT_EQ(load_calibration(onnx, {}, {json})->size(), 2U);
}

TEST_F(Calibration, is_empty_without_files) { EXPECT_TRUE(load_calibration(onnx, {}, {})->empty()); }

TEST_F(Calibration, names_the_file_and_the_shape_of_what_does_not_fit) {
  const auto wrong = file("wrong.npy", npy({5}, std::vector<double>(5)));
  const auto samples = load_calibration(onnx, {}, {wrong});
  ASSERT_FALSE(samples);
  EXPECT_THAT(samples.error().text, HasSubstr("wrong.npy"));
  EXPECT_THAT(samples.error().text, HasSubstr("[1, 1, 28, 28]"));
  EXPECT_EQ(load_calibration(onnx, {}, {"absent.npy"}).error().code, base::Code::not_found);
}

TEST(ModelFile, says_how_a_program_is_made_when_it_is_none) {
  const auto model = ModelFile::load("examples/digits/digits-lenet.onnx");
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().text, HasSubstr("koinon model build"));
}

TEST(Table, reads_names_quotes_and_numbers) {
  const auto table = parse_table("a, \"b \"\"c\"\"\",label\r\n1,-2.5e3,0\n+4, 5 ,1\n\n");
  ASSERT_TRUE(table) << table.error().text;
  EXPECT_EQ(table->names, (std::vector<std::string>{"a", "b \"c\"", "label"}));
  EXPECT_EQ(table->values, (std::vector<double>{1, -2500, 0, 4, 5, 1}));
  EXPECT_EQ(table->rows(), 2U);
}

TEST(Table, names_line_and_column_of_what_is_no_number) {
  EXPECT_THAT(parse_table("a,b\n1,2\n3,x\n").error().text, ::testing::HasSubstr("line 3, column 'b': 'x'"));
  EXPECT_THAT(parse_table("a,b\n1\n").error().text, ::testing::HasSubstr("line 2 has 1 fields: 2 expected"));
  for (const char* bad : {"", "\n\n", "a\n", "a\ninf\n", "a\n1e999\n", "a\n\n1,2"}) EXPECT_FALSE(parse_table(bad)) << bad;
}

}  // namespace
}  // namespace koinon::cli
