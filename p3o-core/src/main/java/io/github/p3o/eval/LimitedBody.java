package io.github.p3o.eval;

import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** The bytes of a response, up to a limit; beyond it the connection is given up. */
final class LimitedBody implements BodySubscriber<byte[]> {

  /** There were more bytes. */
  static final class TooLongException extends IOException {

    private static final long serialVersionUID = 1;

    TooLongException(int limit) {
      super("expected at most " + limit + " bytes, got more");
    }
  }

  /** Until there is a subscription nothing can be cancelled. */
  private static final Flow.Subscription NONE =
      new Flow.Subscription() {
        @Override
        public void request(long count) {}

        @Override
        public void cancel() {}
      };

  private final BodySubscriber<byte[]> bytes = BodySubscribers.ofByteArray();
  private final int limit;
  private Flow.Subscription subscription = NONE;
  private long count;

  LimitedBody(int limit) {
    this.limit = limit;
  }

  @Override
  public void onSubscribe(Flow.Subscription subscription) {
    this.subscription = subscription;
    bytes.onSubscribe(subscription);
  }

  @Override
  public void onNext(List<ByteBuffer> buffers) {
    if (count > limit) {
      return;
    }
    count += buffers.stream().mapToLong(ByteBuffer::remaining).sum();
    if (count > limit) {
      subscription.cancel();
      bytes.onError(new TooLongException(limit));
    } else {
      bytes.onNext(buffers);
    }
  }

  @Override
  public void onError(Throwable throwable) {
    bytes.onError(throwable);
  }

  @Override
  public void onComplete() {
    if (count <= limit) {
      bytes.onComplete();
    }
  }

  @Override
  public CompletionStage<byte[]> getBody() {
    return bytes.getBody();
  }
}
