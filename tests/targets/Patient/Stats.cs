using System.Diagnostics;
using System.Globalization;
using System.Runtime;

namespace Medic.Targets;

static class Stats
{
    /// <summary>What the program knows about itself. Written by hand, so that asking perturbs little.</summary>
    public static string Line(Mode mode, GapMeter? gap) => "{" + string.Join(',',
        Number("totalPauseMs", GC.GetTotalPauseDuration().TotalMilliseconds),
        Number("gen0", GC.CollectionCount(0)),
        Number("gen1", GC.CollectionCount(1)),
        Number("gen2", GC.CollectionCount(2)),
        Number("induced", mode.Induced),
        Number("threads", Threads()),
        Number("work", mode.Work),
        Number("gapMs", gap?.Take() ?? 0),
        $"\"server\":{(GCSettings.IsServerGC ? "true" : "false")}",
        $"\"version\":\"{Environment.Version}\"") + "}";

    private static string Number(string name, double value) =>
        $"\"{name}\":{value.ToString("R", CultureInfo.InvariantCulture)}";

    private static int Threads() => Directory.GetDirectories("/proc/self/task").Length;
}

/// <summary>Sleeps 1 ms at a time on its own thread and keeps the longest time between two wake-ups.</summary>
sealed class GapMeter
{
    private long _longest;

    public GapMeter() => new Thread(Loop) { Name = "gap", IsBackground = true }.Start();

    /// <summary>The longest gap in milliseconds since the last call.</summary>
    public double Take() => Interlocked.Exchange(ref _longest, 0) * 1000.0 / Stopwatch.Frequency;

    private void Loop()
    {
        for (var last = Stopwatch.GetTimestamp(); ;)
        {
            Thread.Sleep(1);
            var now = Stopwatch.GetTimestamp();
            if (now - last > Volatile.Read(ref _longest))
                Volatile.Write(ref _longest, now - last);
            last = now;
        }
    }
}
