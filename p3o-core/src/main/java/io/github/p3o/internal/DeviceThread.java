package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkState;

import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner.ExecutionerType;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOps;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * A thread that computes on a device. ND4J gives threads the visible devices in turn, and moves an
 * array to the device of whichever thread reads it, under the threads that still compute with it:
 * all are given the device of the first. It also gives each thread memory for reductions to one
 * number, in which blocks count themselves to know the last, but does not set it to 0: in memory
 * that was used before, sums come out wrong without a word (ADR 54).
 */
public final class DeviceThread {

  private static final long BYTES = 8 << 20; // ContextBuffers::initialize

  private static final ThreadLocal<Boolean> PREPARED = ThreadLocal.withInitial(() -> false);

  private static int device = -1; // that of the first thread

  private DeviceThread() {}

  /** To be called by a thread before it computes; does nothing from the second call on. */
  public static void prepare() {
    if (!PREPARED.get()) {
      if (isOnDevice()) {
        Nd4j.getAffinityManager().unsafeSetDevice(device(Nd4j.getAffinityManager()));
        clear(); // the memory is of the device
      }
      PREPARED.set(true);
    }
  }

  private static synchronized int device(AffinityManager threads) {
    if (device < 0) {
      device = threads.getDeviceForCurrentThread();
    }
    return device;
  }

  /** Whether ND4J computes with CUDA. */
  static boolean isOnDevice() {
    return Nd4j.getExecutioner().type() == ExecutionerType.CUDA;
  }

  private static void clear() {
    NativeOps device = NativeOpsHolder.getInstance().getDeviceNativeOps();
    Pointer buffer = device.lcReductionPointer(device.defaultLaunchContext());
    int done = device.memsetSync(buffer, 0, BYTES, 0, null);
    checkState(done == 1, "device: expected memory for reductions that can be set to 0, got none");
  }
}
