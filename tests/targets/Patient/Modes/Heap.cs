using System.Globalization;

namespace Medic.Targets;

/// <summary>
/// Programs whose heaps are known. The command `truth` prints what must be found there, `settle` collects what is
/// dead, `collect` forces one collection and prints how many milliseconds it stopped the program.
///     heap graphs          one of every shape that objects can have
///     heap leak KIND RATE  grows by RATE units a second: see Leak.Kinds; `grow N` adds N at once
///     heap healthy         much garbage, and a cache that does not grow
///     heap N               N million objects
/// </summary>
abstract class Heap : Mode
{
    public static Mode Of(string[] arguments) => arguments switch
    {
        ["graphs"] => new Graphs(),
        ["leak", var kind, var rate] => new Leak(kind, int.Parse(rate)),
        ["healthy"] => new HealthyHeap(),
        [var millions] => new LargeHeap((long)(double.Parse(millions, CultureInfo.InvariantCulture) * 1e6)),
        _ => throw new ArgumentException("heap graphs | leak KIND RATE | healthy | N"),
    };

    protected abstract Truth Known();

    /// <summary>Further members of the truth, each with a comma before it.</summary>
    protected virtual string More => "";

    public override void WarmUp() { }

    public override void Command(string line)
    {
        if (line == "truth")
            Console.WriteLine(Known().Line(More));
        else if (line == "settle")
            Console.WriteLine(Settled());
        else if (line == "collect")
            Console.WriteLine(Collect().ToString("R", CultureInfo.InvariantCulture));
        else
            base.Command(line);
    }

    /// <summary>Fills the heap on a thread of its own, whose stack holds nothing afterwards, and lets it grow old.</summary>
    protected static void Fill(params Action[] steps)
    {
        var thread = new Thread(() =>
        {
            foreach (var step in steps)
                step();
        });
        thread.Start();
        thread.Join();
        Settle();
    }

    private static string Settled()
    {
        Settle();
        return "settled";
    }

    private static void Settle()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private static double Collect()
    {
        var before = GC.GetTotalPauseDuration();
        GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
        return (GC.GetTotalPauseDuration() - before).TotalMilliseconds;
    }
}
