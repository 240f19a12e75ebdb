#include "platform/memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace shrike {
namespace {

namespace fs = std::filesystem;

// Root may read and lock everything, so what is forbidden to others is tried as one of them.
class WithoutPrivilege {
 public:
  WithoutPrivilege() {
    constexpr uid_t kNobody = 65534;
    if (was_root_ && seteuid(kNobody) != 0) ADD_FAILURE() << "privilege cannot be given up";
  }
  ~WithoutPrivilege() {
    if (was_root_ && seteuid(0) != 0) ADD_FAILURE() << "privilege cannot be had back";
  }

 private:
  const bool was_root_ = geteuid() == 0;
};

class MappedFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/shrike_memory_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string file(const char* name, const std::string& text) {
    std::ofstream(folder / name, std::ios::binary) << text;
    return (folder / name).string();
  }
  static std::string text_of(const MappedFile& mapped) {
    return {reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()};
  }

  fs::path folder;
};

TEST_F(MappedFileTest, maps_the_bytes_of_the_file) {
  const std::string text(10'001, 'x');
  const std::string path = file("a", text);
  auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(text_of(*mapped), text);
  EXPECT_EQ(mapped->path(), path);
  mapped->will_need();
}

TEST_F(MappedFileTest, tells_each_way_to_fail_apart) {
  EXPECT_EQ(MappedFile::open((folder / "none").string()).error().code, Code::missing);
  EXPECT_EQ(MappedFile::open((folder / "none" / "deeper").string()).error().code, Code::missing);
  EXPECT_EQ(MappedFile::open(file("plain", "x") + "/below").error().code, Code::missing);
  EXPECT_EQ(MappedFile::open("").error().code, Code::missing);
  EXPECT_EQ(MappedFile::open(folder.string()).error().code, Code::malformed);
  EXPECT_EQ(MappedFile::open(file("empty", "")).error().code, Code::malformed);
  EXPECT_EQ(MappedFile::open("/dev/null").error().code, Code::malformed);
  const std::string pipe = (folder / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(pipe).error().code, Code::malformed);
  const std::string loop = (folder / "loop").string();
  fs::create_symlink("loop", loop);
  EXPECT_EQ(MappedFile::open(loop).error().code, Code::io);
}

TEST_F(MappedFileTest, unreadable_file_is_permission) {
  const std::string path = file("secret", "x");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  ASSERT_EQ(chmod(folder.c_str(), 0755), 0);
  const WithoutPrivilege somebody;
  EXPECT_EQ(MappedFile::open(path).error().code, Code::permission);
}

TEST_F(MappedFileTest, error_names_the_file) {
  const std::string path = (folder / "none").string();
  EXPECT_EQ(MappedFile::open(path).error().subject, path);
}

TEST_F(MappedFileTest, move_hands_the_mapping_over) {
  auto first = MappedFile::open(file("a", "one"));
  auto second = MappedFile::open(file("b", "second"));
  ASSERT_TRUE(first && second);
  MappedFile moved = std::move(*first);
  EXPECT_EQ(text_of(moved), "one");
  EXPECT_TRUE(first->bytes().empty());
  moved = std::move(*second);
  EXPECT_EQ(text_of(moved), "second");
  EXPECT_TRUE(second->bytes().empty());
  MappedFile& self = moved;
  moved = std::move(self);
  EXPECT_EQ(text_of(moved), "second");
}

TEST_F(MappedFileTest, lock_says_whether_the_limit_allows_it) {
  auto mapped = MappedFile::open(file("a", "text"));
  ASSERT_TRUE(mapped);
  const bool allowed = mlock(mapped->bytes().data(), 1) == 0;
  EXPECT_EQ(mapped->lock(), allowed);
  EXPECT_TRUE(MappedFile().lock());  // nothing to lock
}

TEST(PagesTest, are_zeroed_writable_and_whole) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (const std::size_t bytes : {std::size_t{1}, page - 1, page, page + 1, 100 * page + 7}) {
    auto pages = Pages::reserve(bytes, {});
    ASSERT_TRUE(pages);
    EXPECT_GE(pages->size(), bytes);
    EXPECT_LT(pages->size(), bytes + page);
    EXPECT_EQ(pages->size() % page, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pages->data()) % page, 0u);
    for (std::size_t i = 0; i < pages->size(); i += 97) ASSERT_EQ(pages->data()[i], std::byte{0});
    std::memset(pages->data(), 0xA5, pages->size());
  }
}

TEST(PagesTest, none_for_no_bytes) {
  auto pages = Pages::reserve(0, {});
  ASSERT_TRUE(pages);
  EXPECT_EQ(pages->size(), 0u);
}

TEST(PagesTest, impossible_size_is_resource) {
  const std::size_t most = std::numeric_limits<std::size_t>::max();
  for (const std::size_t bytes : {most, most - 4096, most / 2, most / 2 - 4096, most / 4})
    EXPECT_EQ(Pages::reserve(bytes, {.populate = false}).error().code, Code::resource) << bytes;
}

TEST(PagesTest, populate_makes_them_resident_at_once) {
  constexpr std::size_t kBytes = 64u << 20;
  const std::int64_t before = process_memory().anonymous;
  if (before == 0) GTEST_SKIP() << "the system does not tell";
  auto untouched = Pages::reserve(kBytes, {.populate = false});
  ASSERT_TRUE(untouched);
  EXPECT_LT(process_memory().anonymous - before, static_cast<std::int64_t>(kBytes / 2));
  for (const bool huge : {false, true}) {
    const std::int64_t start = process_memory().anonymous;
    auto touched = Pages::reserve(kBytes, {.populate = true, .huge = huge});
    ASSERT_TRUE(touched);
    EXPECT_GE(process_memory().anonymous - start, static_cast<std::int64_t>(kBytes - (1u << 20)));
  }
}

TEST(PagesTest, are_given_back) {
  constexpr std::size_t kBytes = 64u << 20;
  const std::int64_t before = process_memory().anonymous;
  if (before == 0) GTEST_SKIP() << "the system does not tell";
  for (int i = 0; i < 4; ++i) {
    auto pages = Pages::reserve(kBytes, {});
    ASSERT_TRUE(pages);
    Pages moved = std::move(*pages);
    EXPECT_EQ(pages->data(), nullptr);
    EXPECT_GE(moved.size(), kBytes);
    moved = Pages();
    EXPECT_EQ(moved.size(), 0u);
  }
  EXPECT_LT(process_memory().anonymous - before, static_cast<std::int64_t>(kBytes));
}

TEST(PagesTest, lock_beyond_the_limit_is_resource) {
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &old), 0);
  rlimit none = old;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_MEMLOCK, &none), 0);
  bool mlock_is_real = false;
  auto pages = [&] {
    const WithoutPrivilege somebody;
    mlock_is_real = mlock(&none, 1) != 0;
    return Pages::reserve(1u << 20, {.lock = true});
  }();
  setrlimit(RLIMIT_MEMLOCK, &old);
  if (!mlock_is_real) GTEST_SKIP() << "a sanitizer owns mlock";
  ASSERT_FALSE(pages);
  EXPECT_EQ(pages.error().code, Code::resource);
  EXPECT_EQ(pages.error().got, 1 << 20);
}

TEST(ProcessMemoryTest, numbers_are_those_of_a_small_process) {
  const ProcessMemory memory = process_memory();
  if (memory.resident == 0) GTEST_SKIP() << "the system does not tell";
  EXPECT_GT(memory.resident, 256 << 10);
  EXPECT_GE(memory.peak_resident, memory.resident);
  EXPECT_LE(memory.anonymous, memory.resident);
  EXPECT_GT(memory.anonymous, 0);
}

}  // namespace
}  // namespace shrike
