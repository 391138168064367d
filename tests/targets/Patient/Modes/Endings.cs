using System.Diagnostics;

namespace Medic.Targets;

/// <summary>Works like any other program, and dies when told: `abort` by FailFast, `exit N` with that code.</summary>
sealed class Crash : Mode
{
    public override void Start() => Run("worker", () =>
    {
        for (; ; )
        {
            for (var i = 0; i < 10_000; i++)
                GC.KeepAlive(new byte[100]);
            Done();
            Thread.Sleep(1);
        }
    });

    public override void Command(string line)
    {
        if (line == "abort")
            Environment.FailFast("told to abort");
        if (line.StartsWith("exit "))
            Environment.Exit(int.Parse(line[5..]));
        base.Command(line);
    }
}

/// <summary>Starts a child process again and again, with light allocation in between.</summary>
sealed class Fork : Mode
{
    public override void Start() => Run("forker", () =>
    {
        for (; ; )
        {
            for (var i = 0; i < 10_000; i++)
                GC.KeepAlive(new byte[100]);
            using var child = Process.Start("/bin/true");
            child.WaitForExit();
            Done();
        }
    });
}
