package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableCollection;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.common.primitives.ImmutableLongArray;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The named parameters of a model, side by side in one native vector, so that an optimiser step, a
 * norm or a checkpoint is one operation. {@link #frozenCopy} costs no memory until the original
 * changes (copy on write). Those {@link #frozenInPlace} are arrays that lie elsewhere.
 */
public final class Parameters implements AutoCloseable {

  /**
   * Arrays and how many {@code Parameters} use them; the last one frees them.
   *
   * @param vector the only array; null where parameters lie apart
   */
  private record Storage(
      ImmutableCollection<INDArray> arrays, @Nullable INDArray vector, AtomicInteger owners) {

    Storage(INDArray vector) {
      this(ImmutableList.of(vector), vector, new AtomicInteger(1));
    }

    void release() {
      if (owners.decrementAndGet() == 0) {
        arrays.forEach(INDArray::close);
      }
    }
  }

  private final boolean frozen;
  private Storage storage;
  private ImmutableMap<String, INDArray> views;
  private boolean closed;

  private Parameters(Storage storage, ImmutableMap<String, INDArray> views, boolean frozen) {
    this.storage = storage;
    this.views = views;
    this.frozen = frozen;
  }

  /**
   * Copies named arrays into one vector.
   *
   * @param initial the arrays in their order, all of type float or all of type double
   * @return the parameters; the caller closes them
   * @throws IllegalArgumentException for no arrays or for arrays of different types
   */
  public static Parameters copyOf(Map<String, INDArray> initial) {
    DataType type = checkTypes("initial", initial);
    return filled(type, shapes(initial), (name, view) -> view.assign(initial.get(name)));
  }

  /**
   * Takes memory for all parameters, once, and fills it one after another: how a model is read that
   * memory would not hold twice.
   *
   * @param type FLOAT, or DOUBLE for exact tests
   * @param shapes dimensions by name, in the order of the vector; at least one
   * @param values is given each name and its array, a view into the vector, to write all of it
   * @return the parameters; the caller closes them
   * @throws IllegalArgumentException for no shapes or another type
   */
  public static Parameters filled(
      DataType type, Map<String, ImmutableLongArray> shapes, BiConsumer<String, INDArray> values) {
    checkArgument(!shapes.isEmpty(), "shapes: expected at least one parameter, got none");
    checkArgument(
        type == DataType.FLOAT || type == DataType.DOUBLE,
        "type: expected FLOAT or DOUBLE, got %s",
        type);
    Backend.start();
    long length = shapes.values().stream().mapToLong(Parameters::elements).sum();
    INDArray vector = Nd4j.createUninitialized(type, length);
    boolean whole = false;
    try {
      ImmutableMap<String, INDArray> views = viewsOf(vector, shapes);
      views.forEach(values);
      whole = true;
      return new Parameters(new Storage(vector), views, false);
    } finally {
      if (!whole) {
        vector.close();
      }
    }
  }

  /**
   * Takes named arrays where they lie, such as in a mapped file, as parameters that are only read:
   * nothing is copied, {@link #update} and {@link #vector} are refused.
   *
   * @param arrays in their order, all of type float or all of type double; not to be used, changed
   *     or closed by anyone else
   * @return frozen parameters; the caller closes them, and the arrays with them
   * @throws IllegalArgumentException for no arrays or for arrays of different types
   */
  public static Parameters frozenInPlace(Map<String, INDArray> arrays) {
    checkTypes("arrays", arrays);
    ImmutableMap<String, INDArray> kept = ImmutableMap.copyOf(arrays);
    return new Parameters(new Storage(kept.values(), null, new AtomicInteger(1)), kept, true);
  }

  private static long elements(ImmutableLongArray shape) {
    return shape.stream().reduce(1, Math::multiplyExact);
  }

  private static ImmutableMap<String, ImmutableLongArray> shapes(Map<String, INDArray> arrays) {
    return ImmutableMap.copyOf(
        Maps.transformValues(arrays, array -> ImmutableLongArray.copyOf(array.shape())));
  }

  /** The type of all the arrays. */
  @CanIgnoreReturnValue
  private static DataType checkTypes(String argument, Map<String, INDArray> arrays) {
    checkArgument(!arrays.isEmpty(), "%s: expected at least one parameter, got none", argument);
    DataType first = arrays.values().iterator().next().dataType();
    arrays.forEach(
        (name, array) -> {
          DataType type = array.dataType();
          checkArgument(
              type == DataType.FLOAT || type == DataType.DOUBLE,
              "%s[%s]: expected type FLOAT or DOUBLE, got %s",
              argument,
              name,
              type);
          checkArgument(
              type == first,
              "%s[%s]: expected type %s as the first parameter, got %s",
              argument,
              name,
              first,
              type);
        });
    return first;
  }

  private static ImmutableMap<String, INDArray> viewsOf(
      INDArray vector, Map<String, ImmutableLongArray> shapes) {
    ImmutableMap.Builder<String, INDArray> views = ImmutableMap.builder();
    long offset = 0;
    for (Map.Entry<String, ImmutableLongArray> entry : shapes.entrySet()) {
      long next = offset + elements(entry.getValue());
      views.put(
          entry.getKey(),
          vector.get(NDArrayIndex.interval(offset, next)).reshape('c', entry.getValue().toArray()));
      offset = next;
    }
    return views.buildOrThrow();
  }

  private static INDArray view(ImmutableMap<String, INDArray> views, String name) {
    INDArray view = views.get(name);
    checkArgument(view != null, "name: expected one of %s, got %s", views.keySet(), name);
    return view;
  }

  /**
   * The names, in their order, which is that of the vector.
   *
   * @return names
   */
  public ImmutableSet<String> names() {
    return views.keySet();
  }

  /**
   * One parameter, for reading: change it through {@link #update} alone.
   *
   * @param name one of {@link #names}
   * @return a view into the vector, valid until the next update; or where it lies, {@link
   *     #frozenInPlace}
   * @throws IllegalArgumentException for an unknown name
   */
  public INDArray get(String name) {
    checkOpen();
    return view(views, name);
  }

  /**
   * All parameters by name, for reading.
   *
   * @return as {@link #get} gives each
   */
  public ImmutableMap<String, INDArray> asMap() {
    checkOpen();
    return views;
  }

  /**
   * All parameters side by side, for reading.
   *
   * @return {@code [parameters]}, valid until the next update
   * @throws IllegalStateException for those {@link #frozenInPlace}, which lie apart
   */
  public INDArray vector() {
    checkOpen();
    INDArray vector = storage.vector();
    checkState(
        vector != null,
        "vector: expected parameters side by side, got some that lie apart; get(name) has each");
    return vector;
  }

  /**
   * The named parts of another vector of the same order, such as a gradient.
   *
   * @param vector {@code [parameters]}
   * @return views into it, by the name of the parameter, in the parameter's shape
   * @throws IllegalArgumentException for another length
   */
  public ImmutableMap<String, INDArray> viewsInto(INDArray vector) {
    checkArgument(
        vector.length() == count(), "vector: expected length %s, got %s", count(), vector.length());
    return viewsOf(vector, shapes(views));
  }

  /**
   * The number of scalars.
   *
   * @return parameters
   */
  public long count() {
    return asMap().values().stream().mapToLong(INDArray::length).sum();
  }

  /**
   * The type of every parameter.
   *
   * @return FLOAT, or DOUBLE for exact tests
   */
  public DataType dataType() {
    return asMap().values().asList().get(0).dataType();
  }

  /**
   * Changes the parameters. Frozen copies keep the old values.
   *
   * @param change is given the vector {@code [parameters]} and changes it in place
   * @throws IllegalStateException for frozen ones
   */
  public void update(Consumer<INDArray> change) {
    checkOpen();
    checkState(!frozen, "parameters: expected trainable ones, got frozen ones");
    if (storage.owners().get() > 1) {
      Storage shared = storage;
      storage = new Storage(vector().dup());
      views = viewsOf(vector(), shapes(views));
      shared.release();
    }
    change.accept(vector());
  }

  /**
   * A copy that cannot be changed and shares memory with this one until this one changes.
   *
   * @return the copy; the caller closes it
   */
  public Parameters frozenCopy() {
    checkOpen();
    storage.owners().incrementAndGet();
    return new Parameters(storage, views, true);
  }

  /**
   * Whether these are a frozen copy, or frozen where they lie.
   *
   * @return true if {@link #update} is refused
   */
  public boolean isFrozen() {
    return frozen;
  }

  private void checkOpen() {
    checkState(!closed, "parameters: expected open parameters, got closed ones");
  }

  /** Frees the memory if no copy uses it any more. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      storage.release();
    }
  }
}
