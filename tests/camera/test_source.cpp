#include <atomic>
#include <signal.h>
#include <sys/wait.h>

#include <cmath>
#include <fstream>
#include <numeric>
#include <thread>

#include "tests/camera/source_test.hpp"
#include "tests/support/alloc_guard.hpp"

namespace shrike::test {
namespace {

std::vector<int> counting(int n) {
  std::vector<int> codes(static_cast<std::size_t>(n));
  std::iota(codes.begin(), codes.end(), 0);
  return codes;
}

std::unique_ptr<Source> must_open(const SourceOptions& options) {
  auto source = Source::open(options);
  EXPECT_TRUE(source) << source.error().rule << ": " << source.error().subject;
  return source ? std::move(source).value() : nullptr;
}

class FileSource : public SourceTest {};

TEST_F(FileSource, gives_every_frame_of_each_kind_of_clip_once_and_in_order) {
  struct Case {
    const char* name;
    const char* fourcc;
  };
  for (const Case& c : {Case{"a.mp4", "mp4v"}, Case{"b.mp4", "avc1"}, Case{"c.avi", "MJPG"},
                        Case{"d.avi", "FFV1"}, Case{"e.mkv", "XVID"}}) {
    if (!make_clip(path(c.name), c.fourcc, 150, 30)) {
      EXPECT_STREQ(c.fourcc, "avc1") << "only this codec may be missing from an FFmpeg";
      continue;
    }
    const auto source = must_open(options(path(c.name)));
    const Seen seen = take_all(*source);
    EXPECT_EQ(seen.end, Take::ended) << c.name << ": " << source->note();
    EXPECT_EQ(seen.codes, counting(150)) << c.name;
    for (std::size_t i = 0; i < seen.seconds.size(); ++i) {
      EXPECT_NEAR(seen.seconds[i], static_cast<double>(i) / 30, 0.002) << c.name << " frame " << i;
      EXPECT_EQ(seen.numbers[i], i);
    }
    const SourceStats stats = source->stats();
    EXPECT_EQ(stats.n_captured, 150u);
    EXPECT_EQ(stats.n_dropped + stats.n_broken + stats.n_restarts, 0u);
    EXPECT_EQ(stats.gap_seconds, 0);
    Frame frame;
    EXPECT_EQ(source->take(frame, 0), Take::ended) << "and stays so";
  }
}

TEST_F(FileSource, waits_for_a_slow_reader) {
  const auto source = must_open(options(clip("a.avi", 40)));
  std::vector<int> codes;
  Frame frame;
  for (Take take = Take::waiting; take != Take::ended && take != Take::failed;
       take = source->take(frame, kSecond)) {
    if (take != Take::frame) continue;
    sleep_ns(5 * kMillisecond);
    codes.push_back(code_of(frame));
    source->release();
  }
  EXPECT_EQ(codes, counting(40));
}

TEST_F(FileSource, gives_frames_as_rgb) {
  const auto source = must_open(options(clip("a.avi", 1, 30, "FFV1")));
  Frame frame;
  ASSERT_EQ(source->take(frame, 20 * kSecond), Take::frame) << source->note();
  EXPECT_EQ(frame.width, kClipWidth);
  EXPECT_EQ(frame.height, kClipHeight);
  const std::uint8_t* pixel = frame.pixels + 100 * frame.stride + 300;
  EXPECT_NEAR(pixel[0], 40, 3);
  EXPECT_NEAR(pixel[1], 120, 3);
  EXPECT_NEAR(pixel[2], 200, 3);
}

TEST_F(FileSource, gives_as_many_frames_a_second_as_were_asked_for) {
  SourceOptions wanted = options(clip("a.avi", 91));
  for (const double fps : {1.0, 2.0, 4.0, 10.0, 30.0, 100.0}) {
    wanted.fps = fps;
    std::vector<int> expected;
    for (int tick = 0; tick / fps <= 3.001; ++tick) {
      const int frame = static_cast<int>(std::ceil(tick / fps * 30 - 0.5 - 1e-3));
      if (expected.empty() || expected.back() != frame) expected.push_back(frame);
    }
    const Seen seen = take_all(*must_open(wanted));
    EXPECT_EQ(seen.codes, expected) << fps;
    for (std::size_t i = 0; i < seen.seconds.size(); ++i)
      EXPECT_NEAR(seen.seconds[i], seen.codes[i] / 30.0, 0.002);
  }
}

TEST_F(FileSource, keeps_its_own_pace_in_real_time) {
  SourceOptions wanted = options(clip("a.avi", 31));
  wanted.realtime = true;
  const auto source = must_open(wanted);
  Frame frame;
  ASSERT_EQ(source->take(frame, 20 * kSecond), Take::frame);
  source->release();
  const std::int64_t before = monotonic_ns();
  const Seen seen = take_all(*source);
  EXPECT_EQ(seen.end, Take::ended);
  EXPECT_GE(monotonic_ns() - before, 900 * kMillisecond);
  EXPECT_EQ(seen.codes.back(), 30);
}

TEST_F(FileSource, drops_old_frames_in_real_time_when_the_reader_is_slow) {
  SourceOptions wanted = options(clip("a.avi", 61, 60));
  wanted.realtime = true;
  const auto source = must_open(wanted);
  std::vector<int> codes;
  Frame frame;
  for (Take take = Take::waiting; take != Take::ended && take != Take::failed;
       take = source->take(frame, kSecond)) {
    if (take != Take::frame) continue;
    codes.push_back(code_of(frame));
    EXPECT_EQ(frame.number, static_cast<std::uint64_t>(codes.back()));
    source->release();
    sleep_ns(150 * kMillisecond);
  }
  ASSERT_GE(codes.size(), 2u);
  EXPECT_LT(codes.size(), 30u);
  EXPECT_TRUE(std::is_sorted(codes.begin(), codes.end()));
  EXPECT_EQ(codes.back(), 60) << "the last one is never dropped";
  const SourceStats stats = source->stats();
  EXPECT_EQ(stats.n_captured, 61u);
  EXPECT_EQ(stats.n_dropped, 61u - codes.size());
}

TEST_F(FileSource, goes_round_and_round_with_time_going_on) {
  SourceOptions wanted = options(clip("a.avi", 10));
  wanted.loop = true;
  const Seen seen = take_all(*must_open(wanted), 35);
  ASSERT_EQ(seen.codes.size(), 35u);
  for (std::size_t i = 0; i < 35; ++i) {
    EXPECT_EQ(seen.codes[i], static_cast<int>(i % 10));
    EXPECT_NEAR(seen.seconds[i], static_cast<double>(i) / 30, 0.002);
    EXPECT_EQ(seen.numbers[i], i);
  }
}

TEST_F(FileSource, scales_down_what_is_too_large_and_keeps_its_shape) {
  SourceOptions wanted = options(clip("a.avi", 3, 30, "MJPG", 4));  // 768 x 480
  const auto source = must_open(wanted);
  Frame frame;
  ASSERT_EQ(source->take(frame, 20 * kSecond), Take::frame);
  EXPECT_EQ(frame.width, 320);
  EXPECT_EQ(frame.height, 200);
  EXPECT_EQ(code_of(frame), 0);
  source->release();
  EXPECT_EQ(take_all(*source).codes, (std::vector<int>{1, 2}));
}

TEST_F(FileSource, gives_a_single_picture_once) {
  for (const char* name : {"a.png", "a.jpg", "a.bmp", "a.webp", "a.ppm"}) {
    make_picture(path(name), 77);
    const Seen seen = take_all(*must_open(options(path(name))));
    EXPECT_EQ(seen.end, Take::ended);
    EXPECT_EQ(seen.codes, std::vector<int>{77}) << name;
  }
}

TEST_F(FileSource, is_told_by_its_content_not_by_its_name) {
  make_picture(path("a.png"), 5);
  std::filesystem::rename(path("a.png"), path("a.mp4"));
  EXPECT_EQ(take_all(*must_open(options(path("a.mp4")))).codes, std::vector<int>{5});
}

TEST_F(FileSource, that_cannot_be_read_fails_at_once_and_says_why) {
  std::ofstream(path("empty.mp4")).flush();
  std::ofstream(path("text.txt")) << std::string(100000, 'x') << "\nmore text\n";
  std::ofstream(path("text.mp4")) << std::string(100000, 'x');
  std::ofstream(path("list.m3u8")) << "#EXTM3U\n#EXTINF:1,\nother.ts\n";
  std::ofstream(path("broken.png")) << "\x89PNG\r\n\x1a\n" << std::string(1000, 'x');
  std::ofstream(path("torn.mp4")) << [&] {
    std::ifstream whole(clip("whole.mp4", 100, 30, "mp4v"));
    return std::string(std::istreambuf_iterator<char>(whole), {}).substr(0, 5000);
  }();
  std::filesystem::create_directory(path("bare"));
  struct Case {
    const char* name;
    const char* reason;
  };
  for (const Case& c :
       {Case{"empty.mp4", "the file is empty"}, Case{"text.txt", "not a video"},
        Case{"text.mp4", "not a video"}, Case{"list.m3u8", "not a video"}, Case{"torn.mp4", "not a video"},
        Case{"broken.png", "no frame can be decoded"}, Case{"bare", "no pictures"}}) {
    const std::int64_t before = monotonic_ns();
    const auto source = must_open(options(path(c.name)));
    const Seen seen = take_all(*source);
    EXPECT_EQ(seen.end, Take::failed) << c.name;
    EXPECT_EQ(seen.n_restarted, 0) << c.name;
    EXPECT_NE(std::string(source->note()).find(path(c.name)), std::string::npos) << source->note();
    EXPECT_NE(std::string(source->note()).find(c.reason), std::string::npos) << source->note();
    EXPECT_LT(monotonic_ns() - before, 20 * kSecond);
  }
}

TEST_F(FileSource, that_is_missing_is_refused_when_opened) {
  auto source = Source::open(options(path("none.mp4")));
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, Code::missing);
}

TEST_F(FileSource, refuses_options_that_cannot_be) {
  const std::string good = clip("a.avi", 1);
  const auto code = [&](auto spoil) {
    SourceOptions wanted = options(good);
    spoil(wanted);
    auto source = Source::open(wanted);
    return source ? Code::io : source.error().code;
  };
  EXPECT_EQ(code([](SourceOptions& o) { o.argument = ""; }), Code::usage);
  EXPECT_EQ(code([](SourceOptions& o) { o.argument = std::string(5000, 'x'); }), Code::usage);
  EXPECT_EQ(code([](SourceOptions& o) { o.fps = -1; }), Code::usage);
  EXPECT_EQ(code([](SourceOptions& o) { o.fps = std::nan(""); }), Code::usage);
  EXPECT_EQ(code([](SourceOptions& o) { o.n_slots = 1; }), Code::usage);
  EXPECT_EQ(code([](SourceOptions& o) { o.width_max = 0; }), Code::usage);
  EXPECT_EQ(code([](SourceOptions& o) { o.stall_ns = 0; }), Code::usage);
  EXPECT_EQ(code([](SourceOptions& o) { o.backoff_max_ns = 1; }), Code::usage);
  EXPECT_EQ(code([](SourceOptions& o) { o.capture_program = "/nowhere/shrike-capture"; }), Code::missing);
}

TEST_F(FileSource, goes_on_without_loss_when_the_capture_process_is_killed) {
  for (const char* fourcc : {"MJPG", "mp4v", "FFV1"}) {
    const std::string file = clip("a.mkv", 300, 30, fourcc);
    const auto source = must_open(options(file));
    Seen all;
    for (const std::size_t n : {20u, 130u, 60u}) {
      const Seen seen = take_all(*source, n);
      all.codes.insert(all.codes.end(), seen.codes.begin(), seen.codes.end());
      all.numbers.insert(all.numbers.end(), seen.numbers.begin(), seen.numbers.end());
      ASSERT_GT(source->capture_pid(), 0);
      kill(source->capture_pid(), SIGKILL);
    }
    const Seen rest = take_all(*source);
    all.codes.insert(all.codes.end(), rest.codes.begin(), rest.codes.end());
    all.numbers.insert(all.numbers.end(), rest.numbers.begin(), rest.numbers.end());
    EXPECT_EQ(rest.end, Take::ended) << source->note();
    EXPECT_EQ(all.codes, counting(300)) << fourcc;
    for (std::size_t i = 0; i < all.numbers.size(); ++i) EXPECT_EQ(all.numbers[i], i);
    EXPECT_EQ(source->stats().n_restarts, 3u);
    EXPECT_GT(source->stats().gap_seconds, 0);
    EXPECT_NE(std::string(source->note()).find("SIGKILL"), std::string::npos) << source->note();
  }
}

TEST_F(FileSource, keeps_rate_and_time_when_the_capture_process_is_killed) {
  SourceOptions wanted = options(clip("a.avi", 60));
  wanted.fps = 10;
  wanted.loop = true;
  const auto source = must_open(wanted);
  Seen seen = take_all(*source, 27);  // in the second round
  kill(source->capture_pid(), SIGKILL);
  const Seen rest = take_all(*source, 13);
  seen.seconds.insert(seen.seconds.end(), rest.seconds.begin(), rest.seconds.end());
  ASSERT_EQ(seen.seconds.size(), 40u);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_NEAR(seen.seconds[i], static_cast<double>(i) / 10, 0.002);
}

TEST_F(FileSource, is_given_up_when_its_decoder_dies_again_and_again) {
  const auto source = must_open(options(clip("a.avi", 300)));
  Seen seen;
  for (int death = 0; death < 4; ++death) {
    seen = take_all(*source, 10);
    ASSERT_EQ(seen.codes.size(), 10u);
    kill(source->capture_pid(), SIGABRT);
  }
  seen = take_all(*source);
  EXPECT_EQ(seen.end, Take::failed);
  EXPECT_EQ(source->stats().n_restarts, 3u);
  EXPECT_NE(std::string(source->note()).find("SIGABRT; given up after 3 restarts"), std::string::npos)
      << source->note();
  EXPECT_EQ(source->capture_pid(), -1);
}

// Whoever hangs while it decodes is to blame for at most the one frame it was at.
TEST_F(FileSource, replaces_a_capture_process_that_hangs) {
  SourceOptions wanted = options(clip("a.avi", 200));
  wanted.stall_ns = 400 * kMillisecond;
  const auto source = must_open(wanted);
  Seen seen = take_all(*source, 50);
  const int stopped = source->capture_pid();
  kill(stopped, SIGSTOP);
  const Seen rest = take_all(*source);
  seen.codes.insert(seen.codes.end(), rest.codes.begin(), rest.codes.end());
  EXPECT_EQ(rest.end, Take::ended) << source->note();
  EXPECT_EQ(rest.n_restarted, 1);
  EXPECT_NE(std::string(source->note()).find("no frame from"), std::string::npos) << source->note();
  EXPECT_NE(kill(stopped, 0), 0) << "the one that hung is gone";
  EXPECT_GE(seen.codes.size(), 199u);
  for (std::size_t i = 1; i < seen.codes.size(); ++i) ASSERT_GT(seen.codes[i], seen.codes[i - 1]);
  EXPECT_GE(source->stats().gap_seconds, 0.3);
}

TEST_F(FileSource, does_not_call_a_slow_reader_a_hanging_source) {
  SourceOptions wanted = options(clip("a.avi", 20));
  wanted.stall_ns = 100 * kMillisecond;
  const auto source = must_open(wanted);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(take_all(*source, 5).n_restarted, 0);
    sleep_ns(300 * kMillisecond);
  }
  EXPECT_EQ(take_all(*source).n_restarted, 0);
}

TEST_F(FileSource, does_not_call_rare_frames_a_hanging_source) {
  std::filesystem::create_directory(path("folder"));
  for (int i = 0; i < 2; ++i) make_picture(path("folder/" + std::to_string(i) + ".png"), i);
  SourceOptions wanted = options(path("folder"));
  wanted.realtime = true;
  wanted.fps = 1;
  wanted.stall_ns = 400 * kMillisecond;
  const Seen seen = take_all(*must_open(wanted));
  EXPECT_EQ(seen.codes, counting(2));
  EXPECT_EQ(seen.n_restarted, 0);
}

class FolderSource : public SourceTest {};

TEST_F(FolderSource, gives_its_pictures_in_natural_order) {
  std::filesystem::create_directory(path("folder"));
  const char* const names[] = {"a 1.png",   "a 2.jpg",   "a 9.bmp", "a 010.png",
                               "a 11.webp", "a 100.PNG", "b.jpeg"};
  for (int i = 0; i < 7; ++i) make_picture(path("folder/") + names[i], i);
  std::ofstream(path("folder/readme.txt")) << "not a picture";
  std::ofstream(path("folder/.hidden.png")) << "not a picture";
  SourceOptions wanted = options(path("folder"));
  wanted.fps = 4;
  const Seen seen = take_all(*must_open(wanted));
  EXPECT_EQ(seen.end, Take::ended);
  EXPECT_EQ(seen.codes, counting(7));
  for (std::size_t i = 0; i < seen.seconds.size(); ++i)
    EXPECT_DOUBLE_EQ(seen.seconds[i], static_cast<double>(i) / 4);
}

TEST_F(FolderSource, counts_broken_pictures_and_passes_them_over) {
  std::filesystem::create_directory(path("folder"));
  for (const int i : {0, 2}) make_picture(path("folder/" + std::to_string(i) + ".png"), i);
  std::ofstream(path("folder/1.png")) << "\x89PNG\r\n\x1a\n" << std::string(1000, 'x');
  std::ofstream(path("folder/3.jpg")) << "GIF89a" << std::string(1000, 'x');
  const auto source = must_open(options(path("folder")));
  const Seen seen = take_all(*source);
  EXPECT_EQ(seen.codes, (std::vector<int>{0, 2}));
  EXPECT_EQ(seen.seconds, (std::vector<double>{0, 2}));
  EXPECT_EQ(source->stats().n_broken, 2u);
  EXPECT_EQ(source->stats().n_captured, 2u);
}

class CaptureProgram : public SourceTest {};

TEST_F(CaptureProgram, is_gone_with_its_source_and_leaves_no_zombie) {
  auto source = must_open(options(clip("a.avi", 100)));
  EXPECT_EQ(take_all(*source, 3).codes.size(), 3u);
  const int pid = source->capture_pid();
  ASSERT_GT(pid, 0);
  source.reset();
  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(CaptureProgram, ends_when_the_runtime_is_killed) {
  SourceOptions wanted = options(clip("a.avi", 100));
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t runtime = fork();
  if (runtime == 0) {
    auto source = Source::open(wanted);
    const int pid = source && take_all(**source, 1).codes.size() == 1 ? (*source)->capture_pid() : -1;
    static_cast<void>(!write(ends[1], &pid, sizeof pid));
    pause();
  }
  int pid = -1;
  ASSERT_EQ(read(ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ASSERT_GT(pid, 0);
  kill(runtime, SIGKILL);
  waitpid(runtime, nullptr, 0);
  const auto ended = [pid] {  // gone, or waiting for init to collect it
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(stat, text);
    const std::size_t at = text.rfind(") ");
    return at == std::string::npos || text[at + 2] == 'Z' || text[at + 2] == 'X';
  };
  for (int i = 0; i < 1000 && !ended(); ++i) sleep_ns(10 * kMillisecond);
  EXPECT_TRUE(ended());
  close(ends[0]);
  close(ends[1]);
}

TEST_F(CaptureProgram, that_cannot_be_started_is_told_when_opened) {
  SourceOptions wanted = options(clip("a.avi", 1));
  wanted.capture_program = path("capture");
  std::ofstream(wanted.capture_program) << "this is no program";
  chmod(wanted.capture_program.c_str(), 0755);
  auto source = Source::open(wanted);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, Code::unavailable);
  EXPECT_NE(source.error().subject.find("Exec format error"), std::string::npos) << source.error().subject;
}

TEST_F(CaptureProgram, that_is_some_other_program_fails_with_a_note) {
  SourceOptions wanted = options(clip("a.avi", 1));
  wanted.capture_program = "/bin/true";
  const auto source = must_open(wanted);
  EXPECT_EQ(take_all(*source).end, Take::failed);
  EXPECT_NE(std::string(source->note()).find("ended by itself with code 0"), std::string::npos)
      << source->note();
}

TEST_F(CaptureProgram, frames_are_taken_without_allocating) {
  if (!alloc_guard_works()) GTEST_SKIP() << "a sanitizer owns malloc";
  const auto source = must_open(options(clip("a.avi", 100)));
  ASSERT_EQ(take_all(*source, 5).codes.size(), 5u);
  AllocGuard guard;
  int n = 0;
  Frame frame;
  for (Take take = Take::waiting; take != Take::ended && take != Take::failed;
       take = source->take(frame, kSecond)) {
    n += take == Take::frame;
    source->release();
  }
  EXPECT_EQ(guard.made(), 0u);
  EXPECT_EQ(n, 95);
}

TEST_F(CaptureProgram, waiting_for_a_frame_ends_early_with_a_signal) {
  std::filesystem::create_directory(path("folder"));
  for (int i = 0; i < 2; ++i) make_picture(path("folder/" + std::to_string(i) + ".png"), i);
  SourceOptions wanted = options(path("folder"));
  wanted.realtime = true;
  wanted.fps = 0.01;
  const auto source = must_open(wanted);
  ASSERT_EQ(take_all(*source, 1).codes.size(), 1u);
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  std::atomic<bool> over{false};
  std::thread thread([&over, main = pthread_self()] {
    while (!over) {  // on a busy machine many may come between two waits
      sleep_ns(50 * kMillisecond);
      pthread_kill(main, SIGUSR1);
    }
  });
  Frame frame;
  const std::int64_t before = monotonic_ns();
  EXPECT_EQ(source->take(frame, 50 * kSecond), Take::waiting);
  EXPECT_LT(monotonic_ns() - before, 40 * kSecond);
  over = true;
  thread.join();
}

TEST_F(CaptureProgram, waits_as_long_as_was_asked_for) {
  std::filesystem::create_directory(path("folder"));
  for (int i = 0; i < 2; ++i) make_picture(path("folder/" + std::to_string(i) + ".png"), i);
  SourceOptions wanted = options(path("folder"));
  wanted.realtime = true;
  wanted.fps = 0.01;
  const auto source = must_open(wanted);
  ASSERT_EQ(take_all(*source, 1).codes.size(), 1u);
  for (const std::int64_t wait_ns : {std::int64_t{0}, 120 * kMillisecond}) {
    Frame frame;
    const std::int64_t before = monotonic_ns();
    EXPECT_EQ(source->take(frame, wait_ns), Take::waiting);
    EXPECT_GE(monotonic_ns() - before, wait_ns);
  }
}

}  // namespace
}  // namespace shrike::test
