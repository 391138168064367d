using System.Runtime.CompilerServices;

namespace Medic.Targets;

/// <summary>All cores busy, nothing allocated: what a profiler takes away shows in the units of work.</summary>
sealed class Cpu(int workers) : Mode
{
    public override void Start()
    {
        for (var i = 0; i < workers; i++)
            Run($"cpu {i}", Worker);
    }

    private void Worker()
    {
        var x = 1u;
        for (; ; )
        {
            x = Unit(x);
            Done();
        }
    }

    /// <summary>One unit of work: 25 to 30 µs.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Unit(uint x)
    {
        for (var i = 0; i < 20_000; i++)
            x = x * 1664525 + 1013904223;
        return x;
    }
}
