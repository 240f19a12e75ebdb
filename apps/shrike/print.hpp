#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/shrike/stream.hpp"
#include "core/plan.hpp"

namespace shrike::cli {

using Json = nlohmann::ordered_json;

// Colours only for a person: a terminal, no NO_COLOR, not TERM=dumb.
struct Ink {
  explicit Ink(std::FILE* to);
  const char* good = "";
  const char* bad = "";
  const char* dim = "";
  const char* bold = "";
  const char* off = "";
};

void print_plan(std::FILE* to, const Plan& plan);
[[nodiscard]] Json plan_json(const Plan& plan);

void print_summary(std::FILE* to, const Summary& summary, const Plan& plan);
[[nodiscard]] Json summary_json(const Summary& summary, const Plan& plan);

// One object, one line, at once; broken UTF-8 is replaced, not an error.
void print_json(const Json& object);

// A status line on a terminal, rewritten in place; nothing where stderr is no terminal. clear() before other
// output.
class Progress {
 public:
  explicit Progress(bool quiet);
  bool on() const noexcept { return on_; }
  void show(const std::string& text);
  void clear();

 private:
  bool on_ = false;
  bool shown_ = false;
};

}  // namespace shrike::cli
