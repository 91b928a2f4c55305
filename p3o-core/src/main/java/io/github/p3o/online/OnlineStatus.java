package io.github.p3o.online;

import com.google.common.collect.ImmutableSortedSet;
import org.jspecify.annotations.Nullable;

/**
 * How online training is going: what was accepted by now, and all else as it was when the last step
 * ended, its version judged, saved and, if it passed, served, or when the last rollback did.
 *
 * @param accepted how much feedback was accepted, before a restart included
 * @param trained how much of it was trained on, or skipped; the rest waits
 * @param skipped how much of it a rollback skipped, since training on it failed; since the start of
 *     this process
 * @param steps training steps so far
 * @param served the number of the version that is served
 * @param versions those that can be rolled back to
 * @param refused versions that did not pass the gate, since the start of this process
 * @param lastRefusal why the last one did not
 * @param failure what stopped the training, if anything did; serving and accepting go on
 */
public record OnlineStatus(
    long accepted,
    long trained,
    long skipped,
    long steps,
    long served,
    ImmutableSortedSet<Long> versions,
    long refused,
    @Nullable String lastRefusal,
    @Nullable String failure) {

  OnlineStatus withAccepted(long now) {
    return new OnlineStatus(
        now, trained, skipped, steps, served, versions, refused, lastRefusal, failure);
  }
}
