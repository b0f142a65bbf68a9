use std::{
    ffi::{CStr, CString},
    fmt,
    ptr::NonNull,
    slice,
};

use rdkafka::bindings::{
    rd_kafka_topic_partition_list_add, rd_kafka_topic_partition_list_copy,
    rd_kafka_topic_partition_list_destroy, rd_kafka_topic_partition_list_new,
    rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_t,
};

/// A list of partitions, of our own.
pub(crate) struct PartitionList(NonNull<rd_kafka_topic_partition_list_t>);

// SAFETY: a list is plain memory, which this is the only owner of, and no thread of librdkafka's knows.
unsafe impl Send for PartitionList {}
// SAFETY: shared access only reads, but for calls of librdkafka's, whose callers have to see that there is one at a time.
unsafe impl Sync for PartitionList {}

impl PartitionList {
    /// # Safety
    /// The list is alive and ours, and given up to the new object.
    pub(super) unsafe fn from_raw(list: NonNull<rd_kafka_topic_partition_list_t>) -> Self {
        Self(list)
    }

    /// A copy of `list`, unless that is null.
    ///
    /// # Safety
    /// `list` is null or alive.
    pub(super) unsafe fn copy(list: *const rd_kafka_topic_partition_list_t) -> Option<Self> {
        if list.is_null() {
            return None;
        }
        // SAFETY: alive (caller); the copy is ours.
        NonNull::new(unsafe { rd_kafka_topic_partition_list_copy(list) }).map(Self)
    }

    /// A list of these partitions, of topics that are there.
    #[cfg(feature = "embedded")]
    pub(crate) fn of<'p>(partitions: impl IntoIterator<Item = (&'p str, i32)>) -> Self {
        let mut list = Self::with_capacity(0);
        for (topic, partition) in partitions {
            list.add(topic, partition);
        }
        list
    }

    pub(crate) fn empty() -> Self {
        Self::with_capacity(0)
    }

    pub(super) fn with_capacity(partitions: usize) -> Self {
        let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
        // SAFETY: no precondition; the new list is ours.
        let list = unsafe { rd_kafka_topic_partition_list_new(partitions) };
        Self(NonNull::new(list).expect("librdkafka returns a list or aborts"))
    }

    /// Adds a partition; what is to be said of it.
    pub(super) fn add(&mut self, topic: &str, partition: i32) -> &mut rd_kafka_topic_partition_t {
        let topic = CString::new(topic).expect("a topic that librdkafka assigned has no NUL");
        // SAFETY: the list is alive and borrowed by nobody else; the name is copied; what is returned points into the list,
        // and stays there while the list is borrowed.
        unsafe { &mut *rd_kafka_topic_partition_list_add(self.as_ptr(), topic.as_ptr(), partition) }
    }

    pub(super) fn as_ptr(&self) -> *mut rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }

    /// The partitions, each with its topic's name.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (String, i32)> {
        self.elements().iter().map(|element| (topic(element), element.partition))
    }

    pub(super) fn elements(&self) -> &[rd_kafka_topic_partition_t] {
        // SAFETY: alive, and nobody changes it while it is borrowed.
        elements(unsafe { self.0.as_ref() })
    }
}

impl fmt::Debug for PartitionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.partitions()).finish()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: ours, and never touched again.
        unsafe { rd_kafka_topic_partition_list_destroy(self.as_ptr()) };
    }
}

/// The elements of a list of librdkafka's.
pub(super) fn elements(list: &rd_kafka_topic_partition_list_t) -> &[rd_kafka_topic_partition_t] {
    match usize::try_from(list.cnt) {
        // An empty list may have no elements to point to.
        Ok(0) | Err(_) => &[],
        // SAFETY: `elems` points to `cnt` elements, which live as long as the list.
        Ok(count) => unsafe { slice::from_raw_parts(list.elems, count) },
    }
}

/// The name of an element's topic.
pub(super) fn topic(element: &rd_kafka_topic_partition_t) -> String {
    // SAFETY: an element's topic is a string that ends with a NUL and lives as long as the element.
    unsafe { CStr::from_ptr(element.topic) }.to_string_lossy().into_owned()
}
