#include "cpu/key_cache.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>

#include "core/checked.hpp"
#include "core/float_mode.hpp"
#include "cpu/isa.hpp"
#include "cpu/packed_row.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite {
namespace {

constexpr std::int64_t kMostPageRows = 65'536;
constexpr std::int64_t kMostPages = std::numeric_limits<std::int32_t>::max();

void check_range(const char* what, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorKind::input, std::string("key cache: ") + what + ": expected " +
                                    std::to_string(least) + " to " + std::to_string(most) +
                                    ", found " + std::to_string(value));
}

/// 0 stands for the least; pages must not overlap, nor their addresses overflow.
void check_stride(const char* what, std::int64_t stride, std::int64_t least, std::int64_t pages) {
  if (stride == 0) return;
  check_range(what, stride, least, std::numeric_limits<std::int64_t>::max());
  core::checked_multiply(what, stride, pages * static_cast<std::int64_t>(sizeof(float)));
}

/// Bytes of a row's codes, or values.
std::int64_t stored_bytes(const Recipe& recipe, RowStorage storage) {
  if (storage == RowStorage::quantized) return cpu::code_bytes(recipe.row_format);
  if (recipe.key != Rounding::bf16) {
    throw Error(ErrorKind::unsupported,
                "key cache: bf16 rows: expected a recipe whose rows are bf16, found " +
                    std::string(recipe.name));
  }
  return kHeadDim * static_cast<std::int64_t>(sizeof(Bf16));
}

[[noreturn]] void refuse(std::int64_t sequence, const std::string& problem) {
  throw Error(ErrorKind::input, "key cache: sequence " + std::to_string(sequence) + ": " + problem);
}

}  // namespace

std::int64_t KeyCache::Impl::sequences() const {
  return owned() ? static_cast<std::int64_t>(own_table.size()) : borrowed_table.extent(0);
}

void KeyCache::Impl::check_sequence(std::int64_t sequence) const {
  check_range("sequence", sequence, 0, sequences() - 1);
}

void KeyCache::Impl::check(const Plan& plan) {
  std::int64_t needed = 0;
  for (const SequencePlan& sequence : plan.sequences) {
    check_sequence(sequence.sequence);
    if (!owned()) {
      check_borrowed(sequence);
      continue;
    }
    check_unshared(sequence);
    const auto& table = own_table[static_cast<std::size_t>(sequence.sequence)];
    const std::int64_t blocks = core::divide_up(sequence.rows, memory.page_rows);
    needed += std::max<std::int64_t>(blocks - static_cast<std::int64_t>(table.size()), 0);
  }
  if (needed > static_cast<std::int64_t>(free.size())) {
    throw Error(ErrorKind::input, "key cache: expected " + std::to_string(needed) +
                                      " free pages for this step, found " +
                                      std::to_string(free.size()));
  }
  if (!owned()) check_written_pages(plan);
}

void KeyCache::Impl::check_history(const SequencePlan& sequence, std::int64_t rows) const {
  if (!owned()) return;
  const std::int64_t stored = own_rows[static_cast<std::size_t>(sequence.sequence)];
  if (stored >= rows) return;
  refuse(sequence.sequence, "expected " + std::to_string(rows) + " rows before this step, found " +
                                std::to_string(stored));
}

/// New rows follow the stored ones, in pages of the sequence alone; but not where the caller took
/// the state back without the keys, or stores rows over those that a fork has.
void KeyCache::Impl::check_unshared(const SequencePlan& sequence) const {
  const auto& table = own_table[static_cast<std::size_t>(sequence.sequence)];
  const std::int64_t end = std::min(sequence.first_new_row + sequence.new_rows,
                                    static_cast<std::int64_t>(table.size()) * memory.page_rows);
  for (std::int64_t row = sequence.first_new_row; row < end;
       row += memory.page_rows - row % memory.page_rows) {
    const std::int64_t block = row / memory.page_rows;
    if (users[static_cast<std::size_t>(page(sequence.sequence, block))] == 1) continue;
    refuse(sequence.sequence, "block " + std::to_string(block) +
                                  ": expected a page of its own for new rows, found one that it "
                                  "shares with a fork");
  }
}

void KeyCache::Impl::check_borrowed(const SequencePlan& sequence) const {
  const std::int64_t blocks = core::divide_up(sequence.rows, memory.page_rows);
  if (blocks > borrowed_table.extent(1)) {
    refuse(sequence.sequence, "expected a block table of " + std::to_string(blocks) +
                                  " blocks, found " + std::to_string(borrowed_table.extent(1)));
  }
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int32_t found = borrowed_table(sequence.sequence, block);
    if (found >= 0 && found < memory.pages) continue;
    refuse(sequence.sequence, "block " + std::to_string(block) + ": expected page 0 to " +
                                  std::to_string(memory.pages - 1) + ", found " +
                                  std::to_string(found));
  }
}

template <class Body>
void KeyCache::Impl::for_each_written_page(const Plan& plan, const Body& body) {
  for (std::size_t i = 0; i < plan.sequences.size(); ++i) {
    const SequencePlan& sequence = plan.sequences[i];
    if (sequence.new_rows == 0) continue;
    const std::int64_t last = sequence.first_new_row + sequence.new_rows - 1;
    for (std::int64_t block = sequence.first_new_row / memory.page_rows;
         block <= last / memory.page_rows; ++block) {
      body(writer[static_cast<std::size_t>(page(sequence.sequence, block))],
           Writer{static_cast<std::int32_t>(i), block});
    }
  }
}

void KeyCache::Impl::check_written_pages(const Plan& plan) {
  bool writes = false;
  for_each_written_page(plan, [&](Writer& who, const Writer& here) {
    who = here;
    writes = true;
  });
  const SequencePlan* reader = nullptr;
  std::int64_t shared_block = 0;
  Writer other;
  for (std::size_t i = 0; i < plan.sequences.size() && writes; ++i) {
    const SequencePlan& sequence = plan.sequences[i];
    for (std::int64_t block = 0; block * memory.page_rows < sequence.rows; ++block) {
      const Writer who = writer[static_cast<std::size_t>(page(sequence.sequence, block))];
      const Writer here{static_cast<std::int32_t>(i), block};
      if (who == Writer{} || who == here) continue;
      reader = &sequence;
      shared_block = block;
      other = who;
    }
  }
  for_each_written_page(plan, [](Writer& who, const Writer& /*here*/) { who = Writer{}; });
  if (reader == nullptr) return;
  const SequencePlan& writing = plan.sequences[static_cast<std::size_t>(other.owner)];
  refuse(reader->sequence, "block " + std::to_string(shared_block) + ": page " +
                               std::to_string(page(reader->sequence, shared_block)) +
                               " is written by sequence " + std::to_string(writing.sequence) +
                               " as block " + std::to_string(other.block) + " in the same step");
}

void KeyCache::Impl::make_room(const Plan& plan) {
  if (!owned()) return;
  for (const SequencePlan& sequence : plan.sequences) {
    const std::int64_t blocks = core::divide_up(sequence.rows, memory.page_rows);
    auto& table = own_table[static_cast<std::size_t>(sequence.sequence)];
    const auto needed = static_cast<std::size_t>(blocks);
    if (needed > table.capacity()) table.reserve(std::max(needed, 2 * table.capacity()));
  }
}

void KeyCache::Impl::take(std::int64_t sequence, std::int64_t rows) noexcept {
  if (!owned()) return;
  auto& table = own_table[static_cast<std::size_t>(sequence)];
  while (static_cast<std::int64_t>(table.size()) * memory.page_rows < rows) {
    table.push_back(free.back());
    users[static_cast<std::size_t>(free.back())] = 1;
    free.pop_back();
  }
  std::int64_t& stored = own_rows[static_cast<std::size_t>(sequence)];
  for (; stored < rows; ++stored) {  // of which policy `seed` may leave some unwritten
    std::fill_n(codes(sequence, stored), row_bytes, std::int8_t{0});
    if (memory.scales != nullptr) *scale(sequence, stored) = 0;
  }
}

void KeyCache::Impl::release(std::int32_t page) {
  if (--users[static_cast<std::size_t>(page)] == 0) free.push_back(page);
}

/// A free page with the same rows; there must be one.
std::int32_t KeyCache::Impl::copy_of(std::int32_t page) {
  const std::int32_t copy = free.back();
  free.pop_back();
  users[static_cast<std::size_t>(copy)] = 1;
  std::copy_n(memory.codes + page * memory.code_stride, memory.code_stride,
              memory.codes + copy * memory.code_stride);
  std::copy_n(memory.scales + page * memory.scale_stride, memory.scale_stride,
              memory.scales + copy * memory.scale_stride);
  return copy;
}

void KeyCache::Impl::truncate(std::int64_t sequence, std::int64_t rows) {
  auto& table = own_table[static_cast<std::size_t>(sequence)];
  const std::int64_t blocks = core::divide_up(rows, memory.page_rows);
  if (blocks > static_cast<std::int64_t>(table.size())) return;
  const bool is_partial = rows % memory.page_rows != 0;
  const bool is_shared =
      is_partial &&
      users[static_cast<std::size_t>(table[static_cast<std::size_t>(blocks - 1)])] > 1;
  const bool gives_one_back = [&] {
    for (auto block = static_cast<std::size_t>(blocks); block < table.size(); ++block) {
      if (users[static_cast<std::size_t>(table[block])] == 1) return true;
    }
    return false;
  }();
  if (is_shared && free.empty() && !gives_one_back) {
    refuse(sequence, "expected a free page to copy a shared one, found none");
  }
  while (static_cast<std::int64_t>(table.size()) > blocks) {
    release(table.back());
    table.pop_back();
  }
  if (is_shared) {
    const std::int32_t shared = table.back();
    table.back() = copy_of(shared);
    release(shared);
  }
  std::int64_t& stored = own_rows[static_cast<std::size_t>(sequence)];
  stored = std::min(stored, rows);
}

void KeyCache::Impl::check_fork(std::int64_t from, std::int64_t to) const {
  check_sequence(from);
  check_sequence(to);
  if (!owned()) {
    throw Error(ErrorKind::usage,
                "key cache: fork: expected own memory, found an engine's block table");
  }
  if (from == to || own_rows[static_cast<std::size_t>(to)] != 0) {
    refuse(to, "expected an empty sequence to fork into, found " +
                   std::to_string(own_rows[static_cast<std::size_t>(to)]) + " rows");
  }
  const bool is_partial = own_rows[static_cast<std::size_t>(from)] % memory.page_rows != 0;
  if (is_partial && free.empty()) {
    refuse(to, "expected a free page for the rows that fill none, found none");
  }
}

void KeyCache::Impl::fork(std::int64_t from, std::int64_t to) {
  const std::int64_t rows = own_rows[static_cast<std::size_t>(from)];
  const auto& source = own_table[static_cast<std::size_t>(from)];
  auto& table = own_table[static_cast<std::size_t>(to)];
  table.reserve(source.size());
  const auto full = static_cast<std::size_t>(rows / memory.page_rows);
  for (std::size_t block = 0; block < full; ++block) {
    table.push_back(source[block]);
    ++users[static_cast<std::size_t>(source[block])];
  }
  if (rows % memory.page_rows != 0) table.push_back(copy_of(source[full]));
  own_rows[static_cast<std::size_t>(to)] = rows;
}

std::int32_t KeyCache::Impl::page(std::int64_t sequence, std::int64_t block) const {
  if (!owned()) return borrowed_table(sequence, block);
  return own_table[static_cast<std::size_t>(sequence)][static_cast<std::size_t>(block)];
}

std::int8_t* KeyCache::Impl::codes(std::int64_t sequence, std::int64_t row) const {
  return memory.codes + page(sequence, row / memory.page_rows) * memory.code_stride +
         row % memory.page_rows * row_bytes;
}

float* KeyCache::Impl::scale(std::int64_t sequence, std::int64_t row) const {
  return memory.scales + page(sequence, row / memory.page_rows) * memory.scale_stride +
         row % memory.page_rows;
}

void KeyCache::Impl::write(std::int64_t sequence, std::int64_t row,
                           const reference::Row& values) const {
  if (holds_bf16()) {
    std::transform(values.begin(), values.end(), bf16_row(sequence, row),
                   [](float x) { return to_bf16(x).bits; });
    return;
  }
  cpu::pack_row(recipe.row_format, reference::quantize(recipe, values), codes(sequence, row),
                memory.scales == nullptr ? nullptr : scale(sequence, row));
}

std::int64_t KeyCache::Impl::list_pages(std::int64_t sequence, std::int64_t rows,
                                        cpu::KeyPage* pages) const {
  std::int64_t count = 0;
  for (std::int64_t row = 0; row < rows; row += memory.page_rows) {
    pages[count++] = {codes(sequence, row),
                      memory.scales == nullptr ? nullptr : scale(sequence, row)};
  }
  return count;
}

KeyCache::KeyCache(const KeyCacheOptions& options, const Recipe& recipe)
    : impl_(std::make_unique<Impl>()) {
  check_range("sequences", options.sequences, 1, kMostPages);
  check_range("pages", options.pages, 1, kMostPages);
  check_range("page rows", options.page_rows, 1, kMostPageRows);
  const std::int64_t rows =
      core::checked_multiply("key cache: rows", options.pages, options.page_rows);
  impl_->recipe = recipe;
  impl_->row_bytes = stored_bytes(recipe, options.storage);
  impl_->own_codes = core::AlignedBuffer<std::int8_t>(
      "key cache: codes", core::checked_multiply("key cache: codes", rows, impl_->row_bytes));
  impl_->own_scales = core::AlignedBuffer<float>("key cache: scales", rows);
  impl_->memory = {.codes = impl_->own_codes.data(),
                   .scales = impl_->own_scales.data(),
                   .pages = options.pages,
                   .page_rows = options.page_rows,
                   .code_stride = options.page_rows * impl_->row_bytes,
                   .scale_stride = options.page_rows,
                   .storage = options.storage};
  impl_->own_table.resize(static_cast<std::size_t>(options.sequences));
  impl_->own_rows.resize(static_cast<std::size_t>(options.sequences));
  impl_->users.resize(static_cast<std::size_t>(options.pages));
  impl_->free.reserve(static_cast<std::size_t>(options.pages));
  for (std::int64_t page = options.pages; page-- > 0;) {
    impl_->free.push_back(static_cast<std::int32_t>(page));
  }
}

KeyCache::KeyCache(const KeyPages& pages, TensorView<const std::int32_t, 2> block_table,
                   const Recipe& recipe)
    : impl_(std::make_unique<Impl>()) {
  check_range("pages", pages.pages, 1, kMostPages);
  check_range("page rows", pages.page_rows, 1, kMostPageRows);
  const std::int64_t row_bytes = stored_bytes(recipe, pages.storage);
  check_stride("code stride", pages.code_stride, pages.page_rows * row_bytes, pages.pages);
  check_stride("scale stride", pages.scale_stride, pages.page_rows, pages.pages);
  const bool has_scales = pages.scales != nullptr || recipe.row_format == RowFormat::fp32 ||
                          pages.storage == RowStorage::bf16;
  if (pages.codes == nullptr || !has_scales || block_table.empty()) {
    throw Error(ErrorKind::input,
                "key cache: expected codes, scales and a block table, found null");
  }
  check_range("sequences", block_table.extent(0), 1, kMostPages);
  impl_->recipe = recipe;
  impl_->row_bytes = row_bytes;
  impl_->memory = pages;
  if (pages.code_stride == 0) impl_->memory.code_stride = pages.page_rows * row_bytes;
  if (pages.scale_stride == 0) impl_->memory.scale_stride = pages.page_rows;
  impl_->borrowed_table = block_table;
  impl_->writer.resize(static_cast<std::size_t>(pages.pages));
}

KeyCache::~KeyCache() = default;
KeyCache::KeyCache(KeyCache&&) noexcept = default;
KeyCache& KeyCache::operator=(KeyCache&&) noexcept = default;

std::int64_t KeyCache::sequences() const { return impl_->sequences(); }
std::int64_t KeyCache::page_rows() const { return impl_->memory.page_rows; }
std::int64_t KeyCache::free_pages() const { return static_cast<std::int64_t>(impl_->free.size()); }
const Recipe& KeyCache::recipe() const { return impl_->recipe; }
RowStorage KeyCache::storage() const { return impl_->memory.storage; }

void KeyCache::clear(std::int64_t sequence) {
  impl_->check_sequence(sequence);
  if (!impl_->owned()) {
    refuse(sequence, "expected own memory to clear, found an engine's block table");
  }
  impl_->truncate(sequence, 0);
}

namespace {

/// Makes room for the rows, then calls store(row) for each of them, counted from 0.
template <class Store>
void store_rows(KeyCache::Impl& cache, std::int64_t sequence, std::int64_t first_row,
                std::int64_t count, const Store& store) {
  check_range("first row", first_row, 0, kMostPages);
  Plan plan;
  plan.sequences.push_back({.sequence = sequence,
                            .first_token = 0,
                            .tokens = 0,
                            .rows = first_row + count,
                            .first_new_row = first_row,
                            .new_rows = count,
                            .selected = 0});
  cache.check_sequence(sequence);
  cache.check(plan);
  cache.check_history(plan.sequences[0], first_row);
  cache.make_room(plan);
  cache.take(sequence, first_row + count);
  const core::FloatMode mode;
  for (std::int64_t row = 0; row < count; ++row) store(row);
}

template <class T>
void store_row(KeyCache::Impl& cache, std::int64_t sequence, std::int64_t row,
               TensorView<const T, 1> features) {
  reference::Row values;
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    const T x = features(static_cast<std::int64_t>(i));
    if constexpr (std::is_same_v<T, Bf16>) {
      values[i] = to_float(x);
    } else {
      values[i] = x;
    }
  }
  cache.write(sequence, row, values);
}

template <class T>
void check_rows(const TensorView<const T, 2>& rows) {
  const std::array<std::int64_t, 2> shape{rows.extent(0), kHeadDim};
  detail::expect_shape("key cache: rows", shape, rows.shape());
  if (rows.extent(0) != 0 && (rows.empty() || !rows.contiguous())) {
    throw Error(ErrorKind::input, "key cache: rows: expected contiguous data");
  }
}

}  // namespace

void KeyCache::store(std::int64_t sequence, std::int64_t first_row,
                     TensorView<const Bf16, 2> rows) {
  check_rows(rows);
  const cpu::Kernels& kernels = cpu::kernels_for(cpu::resolve_isa("auto", nullptr));
  store_rows(*impl_, sequence, first_row, rows.extent(0), [&](std::int64_t row) {
    if (impl_->recipe.row_format != RowFormat::int8 || impl_->holds_bf16()) {
      store_row(*impl_, sequence, first_row + row, rows[row]);
      return;
    }
    kernels.quantize_rows({.count = 1,
                           .rows = &rows(row, 0).bits,
                           .codes = impl_->codes(sequence, first_row + row),
                           .scale = impl_->scale(sequence, first_row + row)});
  });
}

void KeyCache::store(std::int64_t sequence, std::int64_t first_row,
                     TensorView<const float, 2> rows) {
  check_rows(rows);
  store_rows(*impl_, sequence, first_row, rows.extent(0),
             [&](std::int64_t row) { store_row(*impl_, sequence, first_row + row, rows[row]); });
}

void KeyCache::store(std::int64_t sequence, std::int64_t first_row, const KeyCache& from,
                     std::int64_t from_sequence, std::int64_t count) {
  if (!impl_->recipe.makes_keys_like(from.recipe())) {
    throw Error(ErrorKind::input, "key cache: expected rows of recipe " +
                                      std::string(impl_->recipe.name) + ", found those of " +
                                      std::string(from.recipe().name));
  }
  if (from.storage() != storage()) {
    throw Error(ErrorKind::input,
                std::string("key cache: expected rows that are stored as its own, found ") +
                    (from.impl_->holds_bf16() ? "bf16 rows" : "quantised ones"));
  }
  check_range("rows", count, 0, kMostPages);
  for (std::int64_t row = 0; row < count; ++row) from.impl_->check_stored(from_sequence, row);
  store_rows(*impl_, sequence, first_row, count, [&](std::int64_t row) {
    std::copy_n(from.impl_->codes(from_sequence, row), impl_->row_bytes,
                impl_->codes(sequence, first_row + row));
    if (impl_->recipe.row_format == RowFormat::fp32 || impl_->holds_bf16()) return;
    *impl_->scale(sequence, first_row + row) = *from.impl_->scale(from_sequence, row);
  });
}

void KeyCache::read(std::int64_t sequence, std::int64_t row,
                    std::span<float, kHeadDim> values) const {
  impl_->check_stored(sequence, row);
  if (impl_->holds_bf16()) {
    const std::uint16_t* const stored = impl_->bf16_row(sequence, row);
    std::transform(stored, stored + kHeadDim, values.begin(),
                   [](std::uint16_t bits) { return to_float(Bf16{bits}); });
    return;
  }
  cpu::unpack_row(impl_->recipe.row_format, impl_->codes(sequence, row),
                  impl_->memory.scales == nullptr ? nullptr : impl_->scale(sequence, row), values);
}

void KeyCache::Impl::check_stored(std::int64_t sequence, std::int64_t row) const {
  check_sequence(sequence);
  check_range("row", row, 0, kMostPages);
  if (owned() && row >= own_rows[static_cast<std::size_t>(sequence)]) {
    refuse(sequence, "expected a row below " +
                         std::to_string(own_rows[static_cast<std::size_t>(sequence)]) + ", found " +
                         std::to_string(row));
  }
  const std::int64_t block = row / memory.page_rows;
  const std::int64_t blocks =
      owned() ? static_cast<std::int64_t>(own_table[static_cast<std::size_t>(sequence)].size())
              : borrowed_table.extent(1);
  if (block >= blocks)
    refuse(sequence, "expected a page for row " + std::to_string(row) + ", found " +
                         std::to_string(blocks) + " pages");
  check_range("page", page(sequence, block), 0, memory.pages - 1);
}

std::span<const std::int8_t, kHeadDim> KeyCache::codes(std::int64_t sequence,
                                                       std::int64_t row) const {
  if (impl_->recipe.row_format != RowFormat::int8 || impl_->holds_bf16()) {
    throw Error(ErrorKind::usage, "key cache: codes: expected rows of int8 codes, found " +
                                      std::string(impl_->holds_bf16() ? "bf16 ones" : "those") +
                                      " of " + std::string(impl_->recipe.name) +
                                      "; read gives their values");
  }
  impl_->check_stored(sequence, row);
  return std::span<const std::int8_t, kHeadDim>(impl_->codes(sequence, row), kHeadDim);
}

float KeyCache::scale(std::int64_t sequence, std::int64_t row) const {
  static_cast<void>(codes(sequence, row));  // the same checks
  return *impl_->scale(sequence, row);
}

}  // namespace fulgurite
