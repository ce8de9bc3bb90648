// NameClash: detects two live nodes that claim one id, which they do if they were given one name. A restart
// looks the same for a moment: the last packets of the old incarnation may arrive after the first of the new
// one. So a clash is declared only when packets of the other incarnation keep arriving.

#pragma once

#include <cstdint>

namespace shoal::sync {

class NameClash {
 public:
  // An authentic control packet of an incarnation other than the current one. True: they are two nodes.
  bool heard(uint64_t incarnation, uint64_t sequence, int64_t now_us) {
    if (incarnation != incarnation_) *this = {incarnation, sequence, now_us, 1};
    if (sequence <= newest_) return established();
    newest_ = sequence;
    if (++count_ >= kPackets && now_us - first_us_ >= kSpanUs) established_ = true;
    return established_;
  }
  bool established() const { return established_; }

  NameClash() = default;

 private:
  static constexpr int kPackets = 3;
  static constexpr int64_t kSpanUs = 2'000'000;

  NameClash(uint64_t incarnation, uint64_t newest, int64_t first_us, int count)
      : incarnation_(incarnation), newest_(newest), first_us_(first_us), count_(count) {}

  uint64_t incarnation_ = 0;
  uint64_t newest_ = 0;
  int64_t first_us_ = 0;
  int count_ = 0;
  bool established_ = false;
};

}  // namespace shoal::sync
