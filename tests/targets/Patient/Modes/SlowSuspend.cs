using System.Diagnostics;

namespace Medic.Targets
{
    /// <summary>
    /// One thread allocates, so that gen0 collections are wanted often; another sits in a long operation which the
    /// runtime cannot interrupt. The collections are cheap, waiting for the other thread to stop is not.
    /// <list>
    /// <item>native [ms]: a native call that keeps the garbage collector out (SuppressGCTransition), about 20 ms long
    /// unless told, on every runtime.</item>
    /// <item>copy: Array.Copy of 32 million references: measured to hold up a suspension on .NET 8, 9 and 10.</item>
    /// </list>
    /// </summary>
    sealed class SlowSuspend(string how, double milliseconds) : Mode
    {
        public override void Start()
        {
            Run("reluctant", how switch
            {
                "native" => () => Billing.Interest.AccumulateForEver(milliseconds),
                "copy" => Billing.Ledger.CopyForEver,
                _ => throw new ArgumentException($"unknown operation {how}"),
            });
            Run("allocator", () =>
            {
                for (; ; )
                {
                    for (var i = 0; i < 100_000; i++)
                        GC.KeepAlive(new byte[64]);
                    Done();
                    Thread.Sleep(1);
                }
            });
        }

        public override void WarmUp() => SpinWait.SpinUntil(() => Work >= 5, TimeSpan.FromSeconds(20));
    }
}

namespace Billing
{
    using System.Runtime.CompilerServices;
    using System.Runtime.InteropServices;

    static class Interest
    {
        public static void AccumulateForEver(double milliseconds)
        {
            var steps = (int)(milliseconds * StepsPerMillisecond());
            for (; ; )
                Accumulate(steps);
        }

        private static double StepsPerMillisecond()
        {
            const int Trial = 500_000;
            var best = 0.0; // of several: another process may have had the core
            for (var i = 0; i < 5; i++)
            {
                var start = Stopwatch.GetTimestamp();
                Accumulate(Trial);
                best = Math.Max(best, Trial / Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            return best;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Accumulate(int steps) => Bessel(steps, 1e9);

        // The Bessel function of order n takes n steps and touches no memory.
        [DllImport("libm.so.6", EntryPoint = "jn"), SuppressGCTransition]
        private static extern double Bessel(int n, double x);
    }

    static class Ledger
    {
        public static void CopyForEver()
        {
            var from = new object[32 << 20];
            var to = new object[from.Length];
            for (; ; )
                Copy(from, to);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Copy(object[] from, object[] to) => Array.Copy(from, to, from.Length);
    }
}
