#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "camera/sampler.hpp"
#include "camera/source.hpp"

namespace shrike {
namespace {

TEST(source_kind, is_told_by_the_shape_of_the_argument) {
  EXPECT_EQ(source_kind("0"), SourceKind::device);
  EXPECT_EQ(source_kind("12"), SourceKind::device);
  EXPECT_EQ(source_kind("/dev/video0"), SourceKind::device);
  EXPECT_EQ(source_kind("/dev/v4l/by-id/usb-Cam_1234-video-index0"), SourceKind::device);
  EXPECT_EQ(source_kind("rtsp://cam/1"), SourceKind::url);
  EXPECT_EQ(source_kind("RTSPS://cam/1"), SourceKind::url);
  EXPECT_EQ(source_kind("http://cam:8080/v.mjpg"), SourceKind::url);
  EXPECT_EQ(source_kind("gst:videotestsrc ! appsink"), SourceKind::pipeline);
  EXPECT_EQ(source_kind("synthetic:"), SourceKind::synthetic);
  EXPECT_EQ(source_kind("synthetic:seed=7,frames=0"), SourceKind::synthetic);
  EXPECT_EQ(source_kind("synthetic"), SourceKind::file);
  EXPECT_EQ(source_kind("/"), SourceKind::folder);
  EXPECT_EQ(source_kind("clip.mp4"), SourceKind::file);
  EXPECT_EQ(source_kind("1234"), SourceKind::file);
  EXPECT_EQ(source_kind("nonsense://x"), SourceKind::file);
  EXPECT_EQ(source_kind(""), SourceKind::file);
}

TEST(source_kind, time_waits_for_files_only) {
  EXPECT_TRUE(is_live(SourceKind::device));
  EXPECT_TRUE(is_live(SourceKind::url));
  EXPECT_TRUE(is_live(SourceKind::pipeline));
  EXPECT_FALSE(is_live(SourceKind::folder));
  EXPECT_FALSE(is_live(SourceKind::file));
  EXPECT_FALSE(is_live(SourceKind::synthetic));
}

TEST(redacted, keeps_what_holds_no_secret) {
  for (const char* plain :
       {"", "0", "clip.mp4", "a@b.mp4", "rtsp://cam:554/path", "gst:videotestsrc ! appsink"})
    EXPECT_EQ(redacted(plain), plain);
}

TEST(redacted, hides_every_spelling_of_a_password) {
  EXPECT_EQ(redacted("rtsp://user:secret@cam:554/path"), "rtsp://***@cam:554/path");
  EXPECT_EQ(redacted("rtsp://user@cam/"), "rtsp://***@cam/");
  EXPECT_EQ(redacted("gst:rtspsrc location=rtsp://u:secret@a/1 ! x location=\"http://v:secret@b/2\" ! y"),
            "gst:rtspsrc location=rtsp://***@a/1 ! x location=\"http://***@b/2\" ! y");
  EXPECT_EQ(redacted("http://cam/v?user=a&Password=secret&x=1"), "http://cam/v?user=a&Password=***&x=1");
  for (const char* argument :
       {"rtsp://u:sec/secret@cam/", "rtsp://u:sec@secret@cam/", "rtsp://u:12/secret@cam/x",
        "rtsp://u:se://secret@cam/", "gst:rtspsrc user-id=a user-pw=\"my secret\" ! x",
        "gst:rtspsrc user-pw='secret' ! x", "rtsp://cam/user=admin&password=secret",
        "rtsp://cam/user=admin_password=secret_channel=1.sdp"})
    EXPECT_EQ(redacted(argument).find("secret"), std::string::npos) << redacted(argument);
}

// The slow, obvious version: of all frames, for each tick the nearest one, the earlier of two equally near.
std::vector<int> nearest_frames(int n, double file_fps, double fps) {
  std::vector<int> kept;
  for (int tick = 0; tick / fps <= (n - 1) / file_fps + 0.5 / file_fps; ++tick) {
    int best = 0;
    for (int i = 1; i < n; ++i)
      if (std::abs(i / file_fps - tick / fps) < std::abs(best / file_fps - tick / fps) - 1e-9) best = i;
    if (kept.empty() || kept.back() != best) kept.push_back(best);
  }
  return kept;
}

TEST(sampler, keeps_the_frame_nearest_to_each_tick) {
  for (const double file_fps : {10.0, 24.0, 25.0, 29.97, 30.0, 60.0}) {
    for (const double fps : {0.1, 0.5, 1.0, 2.0, 3.0, 7.0, 10.0, 20.0, 25.0, 30.0, 120.0}) {
      Sampler sampler(fps, 1 / file_fps, -1);
      std::vector<int> kept;
      for (int i = 0; i < 600; ++i) {
        if (!sampler.wants(i / file_fps)) continue;
        sampler.keep(i / file_fps);
        kept.push_back(i);
      }
      EXPECT_EQ(kept, nearest_frames(600, file_fps, fps)) << fps << " of " << file_fps;
    }
  }
}

TEST(sampler, keeps_everything_when_no_rate_is_asked_for) {
  Sampler sampler(0, 0.04, -1);
  for (const double seconds : {0.0, 0.04, 0.04, 5.0}) {
    EXPECT_TRUE(sampler.wants(seconds));
    sampler.keep(seconds);
  }
}

TEST(sampler, goes_on_behind_the_last_frame_taken) {
  Sampler sampler(2, 0.1, 1.5);
  EXPECT_FALSE(sampler.wants(1.6));
  EXPECT_FALSE(sampler.wants(1.9));
  EXPECT_TRUE(sampler.wants(2.0));
}

}  // namespace
}  // namespace shrike
