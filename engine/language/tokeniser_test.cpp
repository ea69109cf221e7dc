#include "engine/language/tokeniser.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/random.hpp"
#include "engine/language/pieces.hpp"
#include "engine/language/text_stream.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using Tokens = std::vector<std::int64_t>;

std::unique_ptr<Tokeniser> harbour() {
  return read_tokeniser(base::read_file("examples/language/harbour/tokenizer.json").value()).value();
}

TEST(Pieces, are_cut_as_the_pattern_says) {
  const auto pieces = [](std::string_view text) {
    std::vector<std::string> out;
    for (auto p : gpt2_pieces(text)) out.emplace_back(p);
    return out;
  };
  using V = std::vector<std::string>;
  EXPECT_EQ(pieces("Hello world"), (V{"Hello", " world"}));
  EXPECT_EQ(pieces("it's 12ab  x \n"), (V{"it", "'s", " 12", "ab", " ", " x", " \n"}));
  EXPECT_EQ(pieces("a\n\n b"), (V{"a", "\n\n", " b"}));
  EXPECT_EQ(pieces("don''t!?"), (V{"don", "''", "t", "!?"}));
  EXPECT_EQ(pieces("\xff\xfe x"), (V{"\xff\xfe", " x"}));
  EXPECT_EQ(pieces(""), V{});
}

// Made with the Python package `tokenizers` 0.21 and later from the same file.
TEST(Bpe, gives_the_tokens_of_the_reference_implementation) {
  const std::pair<std::string, Tokens> vectors[] = {
      {"Mira was selling honey.", {44, 72, 308, 278, 302, 448, 13}},
      {"  two  spaces\012\012\011and tabs ",
       {220, 402, 220, 261, 79, 64, 66, 68, 82, 198, 198, 197, 64, 77, 67, 256, 64, 65, 82, 220}},
      {"it's we've I'll they'd 'sx ''t",
       {72, 83, 6, 82, 262, 68, 6, 265, 310, 6, 287, 269, 88, 6, 67, 220, 6, 82, 87, 220, 6, 6, 83}},
      {"Gr\303\274\303\237e, \346\235\261\344\272\254 2026! 12ab34",
       {38,  81,  127, 120, 127, 253, 68, 11,  220, 162, 251, 109, 160, 118,
        105, 220, 17,  15,  17,  21,  0,  220, 16,  17,  64,  65,  18,  19}},
      {"na\303\257ve caf\303\251 \342\200\224 \342\200\234quoted\342\200\235 \342\200\246 \302\275 \302\262 \342\205\247",
       {77,  64, 127, 107, 265, 283, 69,  127, 102, 220, 158, 222, 242, 220, 158, 222, 250, 80,  84, 78,
        297, 67, 158, 222, 251, 220, 158, 222, 99,  220, 126, 121, 220, 126, 110, 220, 158, 227, 100}},
      {"\302\240nbsp\343\200\200ideographic \342\200\250line",
       {126, 254, 77, 65, 82, 79, 159, 222, 222, 321, 68, 453, 308, 79, 71, 72, 66, 220, 158, 222, 101, 75, 258, 68}},
      {"<|endoftext|>It was<|endoftext|>", {511, 484, 278, 511}},
      {"emoji \360\237\231\202\360\237\231\203 and e\314\201",
       {68, 76, 78, 73, 72, 220, 172, 253, 247, 224, 172, 253, 247, 225, 274, 423, 136, 223}},
      {"_under_score__ $%&", {62, 84, 77, 67, 68, 81, 62, 82, 66, 78, 319, 62, 62, 220, 3, 4, 5}},
      {"\015\012 windows\015\012", {201, 198, 472, 312, 82, 201, 198}},
      {"ends with spaces   ", {68, 77, 67, 82, 262, 72, 83, 71, 261, 79, 64, 66, 68, 82, 220, 220, 220}},
      {"\342\200\277\312\260 \302\252 \331\243 \340\245\247\340\245\250 \344\270\200\344\272\214\344\270\211",
       {158, 222, 123, 134, 108, 220, 126, 103, 220, 149, 96,  220, 156, 98,
        100, 156, 98,  101, 220, 160, 116, 222, 160, 118, 234, 160, 116, 231}},
      {"'", {6}},
      {"  ", {220, 220}},
      {"a", {64}}};
  const auto tokeniser = harbour();
  for (const auto& [text, tokens] : vectors) {
    EXPECT_EQ(tokeniser->encode(text).value(), tokens) << text;
    EXPECT_EQ(tokeniser->text(tokens), text);
  }
}

TEST(Bpe, gives_back_any_bytes) {
  const auto tokeniser = harbour();
  base::SeededRandom random(3);
  for (int round = 0; round < 300; ++round) {
    std::string text(random.u64() % 60, ' ');
    for (auto& c : text) c = static_cast<char>(round % 3 == 0 ? random.u64() % 256 : 32 + random.u64() % 96);
    EXPECT_EQ(tokeniser->text(tokeniser->encode(text).value()), text);
  }
}

TEST(Bpe, takes_a_long_piece_in_little_time) {
  const auto tokeniser = harbour();
  const std::string text(1 << 20, 'o');
  EXPECT_EQ(tokeniser->text(tokeniser->encode(text).value()), text);
}

TEST(Bpe, reads_the_two_files_of_gpt2) {
  const auto file = nlohmann::json::parse(base::as_text(base::read_file("examples/language/harbour/tokenizer.json").value()));
  std::string merges = "#version: 0.2\n";
  for (const auto& m : file["model"]["merges"]) merges += m[0].get<std::string>() + " " + m[1].get<std::string>() + "\n";
  const auto tokeniser = read_bpe(file["model"]["vocab"].dump(), merges).value();
  const std::string text = "Mira wanted three coins<|endoftext|>";
  EXPECT_EQ(tokeniser->encode(text).value(), harbour()->encode(text).value());
  EXPECT_EQ(tokeniser->ends(), (Tokens{511}));
}

TEST(Bpe, refuses_what_it_would_read_otherwise) {
  auto file = nlohmann::json::parse(base::as_text(base::read_file("examples/language/harbour/tokenizer.json").value()));
  const auto code_of = [&](auto change) {
    auto copy = file;
    change(copy);
    const auto read = read_bpe(copy.dump());
    return read ? Code{} : read.error().code;
  };
  EXPECT_EQ(code_of([](auto& f) { f["model"]["type"] = "WordPiece"; }), Code::unsupported);
  EXPECT_EQ(code_of([](auto& f) { f["normalizer"] = {{"type", "NFC"}}; }), Code::unsupported);
  EXPECT_EQ(code_of([](auto& f) { f["pre_tokenizer"] = {{"type", "Metaspace"}}; }), Code::unsupported);
  EXPECT_EQ(code_of([](auto& f) { f["pre_tokenizer"]["use_regex"] = false; }), Code::unsupported);
  EXPECT_EQ(code_of([](auto& f) { f["post_processor"] = {{"type", "TemplateProcessing"}}; }), Code::unsupported);
  EXPECT_EQ(code_of([](auto& f) { f["model"]["byte_fallback"] = true; }), Code::unsupported);
  EXPECT_EQ(code_of([](auto& f) { f["model"]["vocab"].erase("a"); }), Code::malformed);  // a merge has lost its part
  EXPECT_EQ(code_of([](auto& f) { f["model"]["vocab"]["a"] = f["model"]["vocab"]["b"]; }), Code::malformed);
  EXPECT_EQ(code_of([](auto& f) { f["model"]["merges"].push_back({"a", "nothing"}); }), Code::malformed);
  EXPECT_EQ(code_of([](auto& f) { f["added_tokens"][0].erase("id"); }), Code::malformed);
  EXPECT_EQ(read_bpe("[1]").error().code, Code::malformed);
}

TEST(TextStream, gives_whole_characters_and_nothing_that_steers_a_terminal) {
  TextStream stream;
  EXPECT_EQ(stream.add("a\xc3"), "a");
  EXPECT_EQ(stream.add("\xa9z\xf0\x9f"), "\xc3\xa9z");
  EXPECT_EQ(stream.add("\x99\x82"), "\xf0\x9f\x99\x82");
  EXPECT_EQ(stream.add("\x1b[31m\n\t\xc2\x9b"), "?[31m\n\t?");
  EXPECT_EQ(stream.add("\xff\xe0\x80x"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
  EXPECT_EQ(stream.add("\xed"), "");
  EXPECT_EQ(stream.finish(), "\xef\xbf\xbd");
  EXPECT_EQ(TextStream::whole("\xe2\x82"), "\xef\xbf\xbd");
}

// The model is of examples/language/harbour/calibration.txt, by the Python package `sentencepiece`, as are the tokens.
TEST(SentencePiece, gives_the_tokens_of_its_library_behind_the_beginning_of_a_text) {
  const auto tokeniser = read_tokeniser(base::read_file("engine/language/sentencepiece_test.model").value()).value();
  const Tokens tokens = {1, 321, 357, 326, 333, 324, 283, 315, 290, 285, 342, 331};
  EXPECT_EQ(tokeniser->size(), 360);
  EXPECT_EQ(tokeniser->ends(), (Tokens{2}));
  EXPECT_EQ(tokeniser->encode("Mira was selling honey.").value(), tokens);
  EXPECT_EQ(tokeniser->text(tokens), " Mira was selling honey.");
  const Tokens bytes = {1, 321, 74, 333, 198, 191, 198, 162, 322, 260, 334, 323};  // letters that it has not seen
  EXPECT_EQ(tokeniser
                ->encode("Gr\xc3\xbc\xc3\x9f"
                         "e  two")
                .value(),
            bytes);
  EXPECT_EQ(tokeniser->text(bytes),
            " Gr\xc3\xbc\xc3\x9f"
            "e two");  // this model drops a second space
  EXPECT_EQ(tokeniser->bytes(360), "");
  EXPECT_EQ(tokeniser->bytes(-1), "");
}

TEST(SentencePiece, refuses_what_is_no_model) {
  const std::string text = "this is no model";
  EXPECT_EQ(read_tokeniser(base::as_bytes(text)).error().code, Code::malformed);
  EXPECT_EQ(read_tokeniser({}).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::engine::language
