// RecordSketch: a set of records in few bytes. From the sketches of two nodes' sets follows in which records
// the sets differ. How large it must be depends on how much they differ, not on how large they are.
//
// It consists of coded symbols as in "Practical Rateless Set Reconciliation" (Yang, Gilad, Alizadeh; SIGCOMM
// 2024). Each record has an id of 48 bits. Symbol i is the XOR of the ids of those records that cover it,
// which a record does with probability 1 / (1 + i / 2), and the XOR of their checks, 24 bits. The difference
// of two sketches is their XOR: records in both sets cancel. A symbol that one record is left in shows that
// record, which is then taken out of its other symbols, and so on. The symbols are the same however many are
// made, so more of them decode more: about 1.35 for each record that differs, 1.7 where few do. Beside them
// stand counters that tell how much two sets differ where the symbols are too few.
//
// Ids, and which symbols they cover, follow from a salt that is drawn for each sketch, so nobody can make
// records whose ids cancel in it, but those whose hashes are equal (proto/record_digest.h).
//
// Sketches of other nodes may be anything: decode() always ends, needs no more memory than the symbols and
// as many ids, and fails unless what it found explains every symbol. Pure; not thread-safe.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "proto/delta.h"

namespace shoal::proto {

using SketchSalt = std::array<uint64_t, 2>;

class RecordSketch {
 public:
  static constexpr size_t kSymbolsMax = 7000;
  static constexpr size_t kCounters = 128;
  static constexpr size_t kCounterSize = 2;
  static constexpr size_t kSymbolSize = 6 + 3;
  static constexpr size_t kSizeMax = kCounters * kCounterSize + kSymbolsMax * kSymbolSize;

  // Decodes with so many symbols in nearly all cases, if it differs by no more than `records`, or if that is
  // an estimate.
  static size_t symbols_for(uint64_t records);
  // For the most symbols.
  static constexpr uint64_t kRecordsMax = 4200;

  // Of no records. 1 to kSymbolsMax symbols.
  RecordSketch(const SketchSalt& salt, size_t symbols);

  // How many symbols a sketch of so many bytes has; 0: none has this size.
  static size_t symbols_in(size_t bytes);

  // From bytes(); symbols_in() must not be 0.
  static RecordSketch read(const SketchSalt& salt, common::ByteSpan bytes);

  // 128 counters of 2 bytes, then of each symbol 6 bytes of ids and 3 of checks; big-endian.
  std::vector<uint8_t> bytes() const;

  // Of the record as it is, with its stamp.
  uint64_t id(const Delta& record) const;

  // Adds a record to the set.
  void add(uint64_t id);

  // Leaves the records that are in one of both sets only. Salt and number of symbols must be the same.
  void subtract(const RecordSketch& other);

  const SketchSalt& salt() const { return salt_; }
  size_t symbols() const { return symbols_.size(); }

  // After subtract(): how many records differ, by the counters: an eighth off, often, and up to a third. The
  // counters count modulo 65536.
  uint64_t estimate() const;

  // After subtract(): the ids of all records that differ. Nothing: too many for these symbols, or these were
  // not made of records. Once only. Work: each id found, at most symbols(), is taken out of its symbols, some
  // 17.
  std::optional<std::vector<uint64_t>> decode();

 private:
  struct Symbol {
    uint64_t id = 0;
    uint32_t check = 0;
    bool empty() const { return id == 0 && check == 0; }
  };

  // The symbols that a record covers, ascending: the first one is 0.
  class Places {
   public:
    explicit Places(uint64_t mixed) : state_(mixed) {}
    size_t at() const { return at_; }
    void next();

   private:
    uint64_t state_;
    size_t at_ = 0;
  };

  uint64_t mixed(uint64_t id) const;
  static uint32_t check_of(uint64_t mixed) { return mixed & 0xffffff; }
  void toggle(uint64_t id, uint64_t mixed);

  SketchSalt salt_;
  std::array<uint16_t, kCounters> counters_{};
  std::vector<Symbol> symbols_;
};

}  // namespace shoal::proto
