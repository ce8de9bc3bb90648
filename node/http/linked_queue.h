// LinkedQueue: a first-in, first-out queue of objects that hold its links themselves, so that any of them can
// leave it at once. It owns nothing and allocates nothing. One thread.

#pragma once

namespace shoal::node {

// A member of T for each queue, or set of queues, that it is in at most once.
template <class T>
struct QueueLink {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

template <class T, QueueLink<T> T::*link>
class LinkedQueue {
 public:
  bool empty() const { return front_ == nullptr; }
  T* front() const { return front_; }  // null: empty

  // For one that is in no queue.
  void push_back(T& item) {
    (item.*link) = {back_, nullptr, true};
    (back_ != nullptr ? (back_->*link).next : front_) = &item;
    back_ = &item;
  }

  // For one that is in this queue, or in none.
  void remove(T& item) {
    QueueLink<T>& own = item.*link;
    if (!own.linked) return;
    (own.previous != nullptr ? (own.previous->*link).next : front_) = own.next;
    (own.next != nullptr ? (own.next->*link).previous : back_) = own.previous;
    own = {};
  }

 private:
  T* front_ = nullptr;
  T* back_ = nullptr;
};

}  // namespace shoal::node
