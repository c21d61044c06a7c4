//! The memory of a policy.
//!
//! The standard allocator takes 9 KB of every component to serve programs that run for weeks. An instance of a policy
//! lives for one call, so this one is as plain as can be: blocks of powers of two, and a list of free ones for each
//! size. Nothing is ever given back to the host or joined, and nothing that was freed is lost.

use std::alloc::Layout;
use std::ptr::{self, NonNull};

/// The smallest block: room for the link of a free one, and the alignment of everything that is ordinary.
const SMALLEST: usize = 16;
/// Enough for every size that a 32-bit memory has.
const SIZES: usize = 28;

/// The blocks that are free, and the rest of what the host has given.
pub struct Heap {
    /// The first free block of 16 bytes, of 32, of 64, and so on; each holds the address of the next.
    free: [*mut u8; SIZES],
    next: *mut u8,
    left: usize,
}

impl Heap {
    /// A heap without memory.
    pub const fn new() -> Self {
        Self { free: [ptr::null_mut(); SIZES], next: ptr::null_mut(), left: 0 }
    }

    /// A block for the layout, or null. `grow` is asked for at least that many bytes more.
    ///
    /// # Safety
    /// What `grow` gives is writable, belongs to this heap from then on, and outlives it.
    pub unsafe fn take(&mut self, layout: Layout, grow: impl FnOnce(usize) -> Option<(NonNull<u8>, usize)>) -> *mut u8 {
        let Some((size, list)) = size_and_list(layout).and_then(|(size, at)| Some((size, self.free.get_mut(at)?)))
        else {
            return self.fresh(layout.size(), layout.align(), grow);
        };
        let block = *list;
        if block.is_null() {
            return self.fresh(size, SMALLEST, grow);
        }
        // SAFETY: a block in a list was put there by `put`, which wrote the next one's address into it.
        *list = unsafe { block.cast::<*mut u8>().read() };
        block
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// The block came from `take` of this heap with this layout, and nothing uses it any more.
    pub unsafe fn put(&mut self, block: *mut u8, layout: Layout) {
        // Blocks with an extraordinary alignment have no list. They are so rare that they may be lost.
        if let Some(list) = size_and_list(layout).and_then(|(_, at)| self.free.get_mut(at)) {
            // SAFETY: the block is free and has at least `SMALLEST` bytes, aligned to as many.
            unsafe { block.cast::<*mut u8>().write(*list) };
            *list = block;
        }
    }

    /// Whether the block of one layout also serves for the other.
    pub fn same_block(one: Layout, other: Layout) -> bool {
        match (size_and_list(one), size_and_list(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }

    fn fresh(
        &mut self,
        size: usize,
        align: usize,
        grow: impl FnOnce(usize) -> Option<(NonNull<u8>, usize)>,
    ) -> *mut u8 {
        let Some(most) = size.checked_add(align) else { return ptr::null_mut() };
        if self.left < most {
            let Some((start, bytes)) = grow(most) else { return ptr::null_mut() };
            let rest = self.next.wrapping_add(self.left);
            if start.as_ptr() == rest {
                self.left += bytes;
            } else {
                (self.next, self.left) = (start.as_ptr(), bytes);
            }
        }
        let skip = self.next.align_offset(align);
        let block = self.next.wrapping_add(skip);
        self.next = block.wrapping_add(size);
        self.left = self.left.saturating_sub(skip + size);
        block
    }
}

/// How large a block the layout gets and in which list it is kept; none for an alignment that not every block has.
fn size_and_list(layout: Layout) -> Option<(usize, usize)> {
    if layout.align() > SMALLEST {
        return None;
    }
    let size = layout.size().max(SMALLEST).checked_next_power_of_two()?;
    Some((size, (size / SMALLEST).trailing_zeros() as usize))
}

#[cfg(target_family = "wasm")]
mod global {
    use std::alloc::{GlobalAlloc, Layout};
    use std::arch::wasm32::memory_grow;
    use std::cell::UnsafeCell;
    use std::ptr::{self, NonNull};

    use super::Heap;

    #[cfg(target_feature = "atomics")]
    compile_error!("the heap of a policy is made for one thread");

    const PAGE: usize = 65536;

    struct Global(UnsafeCell<Heap>);

    // SAFETY: there is one thread, as the check above makes sure, and no method of the heap calls back.
    unsafe impl Sync for Global {}

    #[global_allocator]
    static GLOBAL: Global = Global(UnsafeCell::new(Heap::new()));

    fn grow(bytes: usize) -> Option<(NonNull<u8>, usize)> {
        let pages = bytes.div_ceil(PAGE);
        let before = memory_grow::<0>(pages);
        // All ones is the instruction's way to say no, and its product overflows.
        let start = NonNull::new(ptr::with_exposed_provenance_mut(before.checked_mul(PAGE)?))?;
        Some((start, pages * PAGE))
    }

    // SAFETY: a block is handed out once until it comes back, at least as large and aligned as was asked for.
    unsafe impl GlobalAlloc for Global {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: see `Sync`; the pages that the host adds to the memory are nobody else's.
            unsafe { (*self.0.get()).take(layout, grow) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: see `Sync`; the rest is what the caller of `dealloc` promises.
            unsafe { (*self.0.get()).put(block, layout) }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            // SAFETY: the caller promises a size that is valid with this alignment.
            let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
            if Heap::same_block(layout, wanted) {
                return block;
            }
            // SAFETY: the blocks are different and both have as many bytes as the smaller layout says.
            unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory in pieces of 4 KiB, so that a heap has to ask often. Leaked, as a heap wants it.
    fn piece(bytes: usize) -> Option<(NonNull<u8>, usize)> {
        let size = bytes.max(4096);
        let memory: &'static mut [u64] = Vec::leak(vec![0_u64; size.div_ceil(8)]);
        Some((NonNull::new(memory.as_mut_ptr().cast())?, memory.len() * 8))
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn blocks_in_use_are_aligned_and_never_overlap() {
        let mut heap = Heap::new();
        let mut used: Vec<(usize, usize)> = Vec::new();
        for round in 0..2000_usize {
            let layout = layout(1 + round * 37 % 3000, 1 << (round % 7));
            // SAFETY: `piece` leaks its memory.
            let block = unsafe { heap.take(layout, piece) };
            assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()));
            used.push((block.addr(), layout.size()));
        }
        used.sort_unstable();
        assert!(used.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
    }

    #[test]
    fn a_freed_block_is_used_again_before_the_heap_grows() {
        let mut heap = Heap::new();
        let never = |_: usize| -> Option<(NonNull<u8>, usize)> { panic!("the heap grew") };
        // SAFETY: `piece` leaks its memory, and each block is put back as it was taken.
        unsafe {
            let one = heap.take(layout(100, 8), piece);
            let two = heap.take(layout(120, 8), piece);
            heap.put(one, layout(100, 8));
            heap.put(two, layout(120, 8));
            let again = [heap.take(layout(65, 1), never), heap.take(layout(128, 16), never)];
            assert_eq!(again, [two, one]);
        }
    }

    #[test]
    fn a_host_that_gives_no_more_memory_is_answered_with_null() {
        let mut heap = Heap::new();
        // SAFETY: nothing is given.
        let block = unsafe { heap.take(layout(64, 8), |_| None) };
        assert!(block.is_null());
    }

    #[test]
    fn a_block_serves_as_long_as_its_power_of_two_is_not_left() {
        assert!(Heap::same_block(layout(17, 1), layout(32, 1)));
        assert!(!Heap::same_block(layout(32, 1), layout(33, 1)));
        assert!(!Heap::same_block(layout(64, 64), layout(64, 64)));
    }
}
