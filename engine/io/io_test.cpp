#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

#include "base/codec.hpp"
#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"
#include "engine/program/builder.hpp"

namespace koinon::engine::io {
namespace {

using base::Bytes;
using base::Code;
using program::DType;
using program::Program;
using program::Scale;
using tensor::IntTensor;
using tensor::Shape;

Program identity(std::vector<Shape> shapes) {
  program::Builder b;
  std::vector<program::Ref> refs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    refs.push_back(b.input("x" + std::to_string(i), {DType::i16, shapes[i]}, Scale{1, -2}, -1020, 1020));
  for (std::size_t i = 0; i < refs.size(); ++i) b.output("y" + std::to_string(i), refs[i], Scale{1, -2});
  return b.finish({}).value();
}

Bytes text(std::string_view s) {
  const auto view = base::as_bytes(s);
  return {view.begin(), view.end()};
}

Bytes npy(std::string_view type, std::string_view shape, const Bytes& data) {
  base::Writer out;
  out.raw(base::as_bytes("\x93NUMPY"));
  out.number(std::uint8_t{1});
  out.number(std::uint8_t{0});
  const auto header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}\n", type, shape);
  out.number(static_cast<std::uint16_t>(header.size()));
  out.raw(base::as_bytes(header));
  out.raw(data);
  return std::move(out).take();
}

Bytes floats(const std::vector<float>& v) {
  Bytes out(v.size() * 4);
  std::memcpy(out.data(), v.data(), out.size());
  return out;
}

// A raw deflate stream (RFC 1951).
Bytes deflated(const Bytes& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&stream, static_cast<uLong>(bytes.size())));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes zip(const std::vector<std::pair<std::string, Bytes>>& members, bool deflate) {
  base::Writer out, directory;
  for (const auto& [name, bytes] : members) {
    const auto crc = static_cast<std::uint32_t>(crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
    const Bytes packed = deflate ? deflated(bytes) : bytes;
    const auto size = static_cast<std::uint32_t>(bytes.size()), offset = static_cast<std::uint32_t>(out.size());
    const auto held = static_cast<std::uint32_t>(packed.size());
    directory.number(std::uint32_t{0x02014b50});
    directory.number(std::uint16_t{20});
    for (auto* w : {&out, &directory}) {
      if (w == &out) w->number(std::uint32_t{0x04034b50});
      w->number(std::uint16_t{20});
      w->number(std::uint16_t{0});
      w->number(static_cast<std::uint16_t>(deflate ? 8 : 0));
      w->number(std::uint32_t{0});
      for (auto v : {crc, held, size}) w->number(v);
      w->number(static_cast<std::uint16_t>(name.size()));
      w->number(std::uint16_t{0});
    }
    directory.raw(Bytes(10, 0));
    directory.number(offset);
    directory.raw(base::as_bytes(name));
    out.raw(base::as_bytes(name));
    out.raw(packed);
  }
  const auto at = static_cast<std::uint32_t>(out.size()), size = static_cast<std::uint32_t>(directory.size());
  out.raw(directory.bytes());
  out.number(std::uint32_t{0x06054b50});
  out.number(std::uint32_t{0});
  out.number(static_cast<std::uint16_t>(members.size()));
  out.number(static_cast<std::uint16_t>(members.size()));
  out.number(size);
  out.number(at);
  out.number(std::uint16_t{0});
  return std::move(out).take();
}

Bytes stored_zip(const std::vector<std::pair<std::string, Bytes>>& members) { return zip(members, false); }

Bytes jpeg(int width, int height, const Bytes& rgb) {
  Bytes out;
  stbi_write_jpg_to_func(
      [](void* to, void* data, int size) {
        const auto* from = static_cast<const std::uint8_t*>(data);
        static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), from, from + size);
      },
      &out, width, height, 3, rgb.data(), 95);
  return out;
}

Bytes png(unsigned width, unsigned height, const Bytes& rgb) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, rgb.data(), 0, nullptr);
  Bytes out(size);
  png_image_write_to_memory(&image, out.data(), &size, 0, rgb.data(), 0, nullptr);
  return out;
}

/// Grey of 16 bits without a word about its curve, as most programs write it.
Bytes png16(unsigned side, std::uint16_t value) {
  Bytes out;
  auto* writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  auto* info = png_create_info_struct(writer);
  const auto put = [](png_structp to, png_bytep data, std::size_t size) {
    auto* bytes = static_cast<Bytes*>(png_get_io_ptr(to));
    bytes->insert(bytes->end(), data, data + size);
  };
  png_set_write_fn(writer, &out, put, nullptr);
  png_set_IHDR(writer, info, side, side, 16, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer, info);
  Bytes row;
  for (unsigned i = 0; i < side; ++i)
    row.insert(row.end(), {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
  for (unsigned i = 0; i < side; ++i) png_write_row(writer, row.data());
  png_write_end(writer, info);
  png_destroy_write_struct(&writer, &info);
  return out;
}

TEST(Quantise, rounds_to_the_nearest_with_ties_up) {
  const Scale quarter{1, -2};
  EXPECT_EQ(quantise_one(0.125, quarter, -9, 9).value(), 1);
  EXPECT_EQ(quantise_one(-0.125, quarter, -9, 9).value(), 0);
  EXPECT_EQ(quantise_one(-0.126, quarter, -9, 9).value(), -1);
  EXPECT_EQ(quantise_one(1.0, Scale{3, -1}, -9, 9).value(), 1);
  EXPECT_EQ(quantise_one(100, quarter, -9, 9).value(), 9);
  EXPECT_EQ(quantise_one(-1e300, quarter, -9, 9).value(), -9);
  EXPECT_EQ(quantise_one(1e-300, quarter, -9, 9).value(), 0);
  EXPECT_EQ(quantise_one(INFINITY, quarter, -9, 9).value(), 9);
  EXPECT_EQ(quantise_one(NAN, quarter, -9, 9).error().code, Code::out_of_range);
}

TEST(ReadInputs, takes_json_by_place) {
  const auto inputs = read_inputs(identity({{2}, {1, 2}}), text(R"({"input_data": [[0.25, -1], [[2.5, 1e9]]]})"));
  ASSERT_TRUE(inputs.has_value()) << inputs.error().text;
  EXPECT_EQ((*inputs)[0], IntTensor::of<std::int16_t>({2}, {1, -4}));
  EXPECT_EQ((*inputs)[1], IntTensor::of<std::int16_t>({1, 2}, {10, 1020}));
}

TEST(ReadInputs, refuses_json_of_another_form) {
  const auto program = identity({{2}});
  for (auto bad : {"", "{", "[]", "{\"input_data\": 3}", "{\"input_data\": [3]}", "{\"input_data\": [[\"a\", 1]]}", "\xff"})
    EXPECT_EQ(read_inputs(program, text(bad)).error().code, Code::malformed) << bad;
  EXPECT_EQ(read_inputs(program, text(R"({"input_data": [[1]]})")).error().code, Code::invalid_argument);
  EXPECT_EQ(read_inputs(program, text(R"({"input_data": [[1, 2], [3]]})")).error().code, Code::invalid_argument);
}

TEST(ReadInputs, takes_a_plain_list_for_the_only_input) {
  for (auto list : {"[0.25, -1]", "[[0.25], [-1]]", "[[[0.25, -1]]]"}) {
    const auto inputs = read_inputs(identity({{2}}), text(list));
    ASSERT_TRUE(inputs.has_value()) << inputs.error().text;
    EXPECT_EQ((*inputs)[0], IntTensor::of<std::int16_t>({2}, {1, -4})) << list;
  }
  EXPECT_EQ(read_inputs(identity({{2}, {2}}), text("[[1, 2], [3, 4]]")).error().text,
            "[input] 1 tensors in the file: 2 expected");
}

TEST(ReadJson, gives_lists_their_shape) {
  const auto shape = [](std::string_view list) { return read_json(text(list)).value().at(0).shape; };
  EXPECT_EQ(shape("[1, 2, 3]"), Shape({3}));
  EXPECT_EQ(shape("[[1, 2, 3], [4, 5, 6]]"), Shape({2, 3}));
  EXPECT_EQ(shape(R"({"input_data": [[[[1, 2]], [[3, 4]]]]})"), Shape({2, 1, 2}));
  for (auto uneven :
       {"[[1, 2], [3, 4, 5]]", "[[1, 2, 3], 4, 5]", "[1, [2, 3, 4], 5]", "[[[1, 2], 3], [4, 5]]", "[[], [1, 2, 3, 4, 5]]"})
    EXPECT_EQ(shape(uneven), Shape({5})) << uneven;
}

TEST(ReadInputs, takes_npy_and_npz) {
  const auto a = npy("<f4", "(2,)", floats({0.5F, -0.5F})), b = npy("|u1", "(1, 2)", {3, 4});
  EXPECT_EQ(read_inputs(identity({{2}}), a).value()[0], IntTensor::of<std::int16_t>({2}, {2, -2}));
  const auto named = read_inputs(identity({{2}, {2}}), stored_zip({{"x1.npy", a}, {"x0.npy", b}}));
  ASSERT_TRUE(named.has_value()) << named.error().text;
  EXPECT_EQ((*named)[0], IntTensor::of<std::int16_t>({2}, {12, 16}));
  const auto placed = read_inputs(identity({{2}, {2}}), stored_zip({{"arr_0.npy", a}, {"arr_1.npy", b}})).value();
  EXPECT_EQ(placed[1], IntTensor::of<std::int16_t>({2}, {12, 16}));
}

TEST(ReadInputs, takes_json_of_truth_values) {
  const auto inputs = read_inputs(identity({{3}}), text(R"({"input_data": [[true, false, true]]})"));
  ASSERT_TRUE(inputs.has_value()) << inputs.error().text;
  EXPECT_EQ((*inputs)[0], IntTensor::of<std::int16_t>({3}, {4, 0, 4}));
}

TEST(ReadInputs, takes_deflated_npz) {
  std::vector<float> ramp(600);
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i % 8) / 4;
  const auto a = npy("<f4", "(600,)", floats(ramp)), archive = zip({{"x0.npy", a}}, true);
  ASSERT_LT(archive.size(), a.size() / 2);
  const auto inputs = read_inputs(identity({{600}}), archive);
  ASSERT_TRUE(inputs.has_value()) << inputs.error().text;
  for (std::int64_t i = 0; i < 600; ++i) ASSERT_EQ((*inputs)[0].at(i), i % 8);
  for (std::size_t n = 0; n < archive.size(); ++n)
    ASSERT_FALSE(read_inputs(identity({{600}}), base::ByteView(archive).first(n)).has_value()) << n;
  auto corrupt = archive;
  corrupt[60] ^= 0x10;  // in the deflated data, whose checksum then differs
  EXPECT_FALSE(read_inputs(identity({{600}}), corrupt).has_value());
}

TEST(ReadInputs, unpacks_no_more_than_the_program_takes) {
  const auto large = npy("<f4", "(100000,)", base::Bytes(400'000));
  const auto archive = zip({{"x0.npy", large}}, true);
  ASSERT_LT(archive.size(), 1000U);
  EXPECT_EQ(read_inputs(identity({{2}}), archive).error().code, Code::out_of_range);
  EXPECT_TRUE(read_inputs(identity({{100'000}}), archive));
}

TEST(ReadInputs, refuses_broken_npy_and_npz) {
  const auto program = identity({{2}});
  const auto good = npy("<f4", "(2,)", floats({1, 2})), archive = stored_zip({{"x0.npy", good}});
  for (const auto& whole : {good, archive})
    for (std::size_t n = 0; n < whole.size(); ++n)
      ASSERT_FALSE(read_inputs(program, base::ByteView(whole).first(n)).has_value());
  EXPECT_EQ(read_npy(npy(">f4", "(2,)", floats({1, 2}))).error().code, Code::unsupported);
  EXPECT_EQ(read_npy(npy("<f4", "(3,)", floats({1, 2}))).error().code, Code::malformed);
  EXPECT_EQ(read_npy(npy("<f4", "(99999999999,)", {})).error().code, Code::out_of_range);
  auto corrupt = archive;
  corrupt[40] ^= 1;
  EXPECT_FALSE(read_inputs(program, corrupt).has_value());
}

TEST(ReadPicture, sixteen_bits_are_as_bright_as_eight) {
  for (const int grey : {0, 1, 77, 128, 200, 255}) {
    const auto picture = read_picture(png16(8, static_cast<std::uint16_t>(grey * 257)), {1, 64});
    ASSERT_TRUE(picture) << picture.error().text;
    EXPECT_EQ(picture->data, std::vector<double>(64, grey / 255.0)) << grey;
  }
}

TEST(ReadPicture, averages_areas_and_turns_grey) {
  const auto file = png(4, 2, {0,   0,   0,   255, 255, 255, 255, 0, 0, 255, 0, 0,  //
                               255, 255, 255, 0,   0,   0,   255, 0, 0, 255, 0, 0});
  const auto grey = read_picture(file, {1, 1, 1, 2});
  ASSERT_TRUE(grey.has_value()) << grey.error().text;
  EXPECT_EQ(grey->data, (std::vector<double>{128 / 255.0, 76 / 255.0}));
  const auto colour = read_picture(file, {3, 1, 2}).value();
  EXPECT_EQ(colour.data, (std::vector<double>{128 / 255.0, 1, 128 / 255.0, 0, 128 / 255.0, 0}));
  const auto last = read_picture(file, {1, 4, 2, 3});
  EXPECT_TRUE(last.has_value());
  EXPECT_EQ(read_picture(file, {1, 784}).value().data.size(), 784U);
  EXPECT_EQ(read_picture(file, {1, 785}).error().code, Code::unsupported);
  EXPECT_EQ(read_picture(file, {1, 64}).value().data.size(), 64U);
  EXPECT_EQ(read_picture(file, {8, 9}).value().data.size(), 72U);
  for (const auto& few : {Shape{1, 4}, Shape{49}, Shape{4, 4}, Shape{2, 64}})
    EXPECT_EQ(read_picture(file, few).error().code, Code::unsupported) << tensor::shape_text(few);
  EXPECT_EQ(read_picture(file, {1, 4}).error().text,
            "[picture] an input of shape [1, 4] takes 4 numbers, not a picture of 1 or 3 channels");
  EXPECT_EQ(read_picture(base::ByteView(file).first(40), {1, 784}).error().code, Code::malformed);
}

TEST(ReadPicture, decodes_jpeg) {
  // 32 by 16 pixels: the left half red, the right half grey. Blocks of one colour lose little.
  Bytes rgb;
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 32; ++x)
      for (int c = 0; c < 3; ++c) rgb.push_back(x < 16 ? (c == 0 ? 230 : 20) : 128);
  const auto file = jpeg(32, 16, rgb);
  ASSERT_GT(file.size(), 100U);
  const auto picture = read_picture(file, {1, 3, 1, 2});
  ASSERT_TRUE(picture.has_value()) << picture.error().text;
  const double want[] = {230, 128, 20, 128, 20, 128};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(picture->data[i] * 255, want[i], 4) << i;
  const auto inputs = read_inputs(identity({{1, 3, 1, 2}}), file);
  ASSERT_TRUE(inputs.has_value()) << inputs.error().text;
  for (std::size_t n = 0; n < 100; ++n) ASSERT_FALSE(read_picture(base::ByteView(file).first(n), {1, 784}).has_value()) << n;
}

TEST(ReadPicture, refuses_jpeg_with_any_byte_changed_or_reads_it) {
  const Bytes good = jpeg(32, 16, Bytes(32 * 16 * 3, 100));
  for (std::size_t i = 0; i < good.size(); ++i)
    for (int bit : {0, 3, 4, 7}) {
      Bytes bad = good;
      bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1 << bit));
      const auto picture = read_picture(bad, {1, 3, 1, 2});
      if (!picture) ASSERT_FALSE(picture.error().text.empty());
    }
}

TEST(ReadPicture, refuses_jpeg_for_which_the_decoder_gives_no_reason) {
  const auto silent = base::from_hex(
      "ffd8ffe000104a46494600010101000100010000ffdb004300030202020202030202020303030304060404040404080606050609080a0a090809"
      "090a0c0f0c0a0b0e0b09090d110d0e0f101011100a0c12131210130f101010ffdb00430103030304030408040408100b090b1010101010101010"
      "101010101010101010101010101010101010101010101010101010101010101010101010101010101010ffc00011080010001003012200021101"
      "031101ffc400160001010100000000000000000000000000070405ffc40024100001040104020203000000000000000001020304060507081213"
      "11220014093132ffc4001501010100000000000000000000000000000006ffc40023110001020503050001000000000000000001021103040506"
      "2100d77a6558b1d9512188bf64b8d3f1c3680429c0d0febb3c02e03c5407b4bdd97b54e627fb6edf9460148262138db8529828370589727960e4"
      "32896fc3828ea7528cea208dbe78191f07ad7fffd9");
  ASSERT_TRUE(silent);
  // Another thread, because the decoder keeps its last reason.
  std::jthread([&] { EXPECT_EQ(read_picture(*silent, {1, 3, 1, 2}).error().code, Code::malformed); }).join();
}

// What follows a table too large would be overwritten.
TEST(ReadPicture, refuses_jpeg_with_more_than_256_codes_in_a_table) {
  Bytes file = jpeg(32, 16, Bytes(32 * 16 * 3, 100));
  const Bytes head{0xff, 0xc4};
  const auto tables = std::search(file.begin(), file.end(), head.begin(), head.end());
  ASSERT_NE(tables, file.end());
  Bytes second(file.begin(), tables);  // behind a good one
  const Bytes good{0x00, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}, bad(17, 0x11);
  second.insert(second.end(), {0xff, 0xff, 0xc4, 0x02, 0x00});
  second.insert(second.end(), good.begin(), good.end());
  second.insert(second.end(), bad.begin(), bad.end());
  second.resize(second.size() + 600, 0x20);
  for (std::ptrdiff_t length = 1; length <= 16; ++length) *(tables + 4 + length) = 0x10 + (length == 1);
  const Program program = identity({{1, 3, 16, 32}});
  for (const auto& each : {file, second}) {
    const auto read = read_inputs(program, each);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::malformed);
    EXPECT_THAT(read.error().text, testing::HasSubstr("codes: at most 256"));
  }
}

TEST(OutputsJson, gives_real_units) {
  const auto json = outputs_json(identity({{2}}), {IntTensor::of<std::int16_t>({2}, {1, -4})});
  EXPECT_EQ(json.dump(), R"([{"data":[0.25,-1.0],"name":"y0","shape":[2]}])");
}

}  // namespace
}  // namespace koinon::engine::io
