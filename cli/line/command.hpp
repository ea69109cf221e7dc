#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace koinon::cli {

class Console;
class Line;

/// One command of the program: its options are members, filled before run() is called.
class Command {
 public:
  struct Info {
    std::string path;     ///< words of the command, such as "model build"
    std::string about;    ///< one sentence
    std::string example;  ///< a line that can be typed as it stands
  };

  explicit Command(Info info) : info_(std::move(info)) {}
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  [[nodiscard]] const Info& info() const { return info_; }
  /// Declares the options; the members that they fill live as long as the command.
  virtual void options(Line& line) = 0;
  /// Checks what the options by themselves cannot, before anything is done. An error ends the program with status 2.
  virtual base::Status check() const { return {}; }
  /// Does the work. An error ends the program with status 1.
  virtual base::Status run(Console& console) = 0;

 private:
  Info info_;
};

using Commands = std::vector<std::unique_ptr<Command>>;

}  // namespace koinon::cli
