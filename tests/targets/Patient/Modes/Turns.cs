using System.Runtime.CompilerServices;
using Medic.Targets;

namespace Medic.Targets
{
    /// <summary>Three methods in turn allocate the same objects, as many each, and then all rest: who comes first is not more.</summary>
    sealed class Turns : Mode
    {
        public override void Start() => Run("turner", () =>
        {
            for (; ; Done())
            {
                Turning.Lathe.Rough();
                Turning.Lathe.Finish();
                Turning.Lathe.Polish();
                Thread.Sleep(30);
            }
        });
    }
}

namespace Turning
{
    /// <summary>48 bytes.</summary>
    sealed class Chip
    {
        public long A { get; init; }
        public long B { get; init; }
        public long C { get; init; }
        public long D { get; init; }
    }

    static class Lathe
    {
        private const int Chips = 300_000;
        private static object? s_last;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Rough()
        {
            for (var i = 0; i < Chips; i++)
                s_last = new Chip { A = i };
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Finish()
        {
            for (var i = 0; i < Chips; i++)
                s_last = new Chip { B = i };
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Polish()
        {
            for (var i = 0; i < Chips; i++)
                s_last = new Chip { C = i };
        }
    }
}
